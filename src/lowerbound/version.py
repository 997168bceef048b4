"""The version of this library: its one source, read by the package, by saved models and by the build."""

__version__ = "0.1.0"
