"""Gaussian densities in NumPy: all that follows from an exactly solvable model once it is fitted, without JAX."""
