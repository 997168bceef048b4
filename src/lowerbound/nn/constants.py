"""Constants of mathematics that several files need."""

import math
from typing import Final

LOG_TWO_PI: Final = math.log(2 * math.pi)
"""Twice the constant of a standard normal density, in nats."""
