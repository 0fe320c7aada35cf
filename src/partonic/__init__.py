"""partonic: machine learning for particle physics."""

from partonic.version import __version__

__all__ = ["__version__"]
