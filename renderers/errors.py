"""The root of all of Impasto's errors, and the one that the networks raise."""


class ImpastoError(Exception):
    """Base of every error that Impasto raises on purpose; the message is one line a person can act on."""


class CheckpointError(ImpastoError):
    """A network file that is missing, truncated, altered or made for another version."""
