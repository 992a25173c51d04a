"""actgrid: a reproducible benchmark of neural-network activation functions."""

__version__ = "0.1.0"
