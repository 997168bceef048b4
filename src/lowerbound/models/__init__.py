"""Models p(x, z), each holding its q(z given x): immutable modules whose mathematics is written for one datum."""
