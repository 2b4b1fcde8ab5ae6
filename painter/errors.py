"""What can go wrong, as types.

    ImpastoError                  everything below; its message is one line a person can act on
    ├── PictureError              an input picture that cannot be read or is unusable
    ├── OptionError               an option or configuration value outside its range
    ├── OutputError               a path we cannot or do not know how to write
    ├── DeviceError               a device that this machine does not have
    └── CheckpointError           a network file that is missing, truncated or altered (defined in renderers)

The core raises these; only the command line prints them and exits (code 2).
"""

from renderers.errors import CheckpointError, ImpastoError

__all__ = ["CheckpointError", "DeviceError", "ImpastoError", "OptionError", "OutputError", "PictureError"]


class PictureError(ImpastoError):
    """An input picture that cannot be read or is unusable."""


class OptionError(ImpastoError, ValueError):
    """An option or configuration value outside its range."""


class OutputError(ImpastoError):
    """A path that cannot be written, or whose ending names no format we write."""


class DeviceError(ImpastoError):
    """A compute device that this machine does not have."""
