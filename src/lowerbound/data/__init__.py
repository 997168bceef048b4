"""From arrays and files to checked rows and minibatches: the first room of the house; imports nothing above itself."""
