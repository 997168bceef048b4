"""Networks: pure functions of vectors, array-only leaves, activations by name."""
