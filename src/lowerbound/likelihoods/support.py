"""Supports: what a cell may be, and the measure that densities of real numbers refer to; nothing here needs JAX."""

from typing import Final, Literal

Support = Literal["reals", "bits", "counts", "codes"]
"""What a cell may be: a real number, 0 or 1, a count, or a category code."""

LEBESGUE: Final = "Lebesgue measure"
"""Base measure of densities on real numbers."""
