"""
The daemon's error tree.

    OpenUsageError
      ConfigError            settings cannot be used
      StorageError           the database cannot do what was asked
        DatabaseBusy         another process holds the write lock
        DatabaseFromFuture   written by a newer version
        StoreClosed          a call after close()
      LifecycleError         start, stop, lock, socket
        AlreadyRunning       another daemon owns the lock
        SocketPathTaken      something that is no socket lies at the socket path
      InvalidParams          parameters that mean nothing
      InvalidEvent           an event that names its bad field and the reason
      ProviderError          a vendor or a tool's own files
        AuthRequired         credentials are missing, expired or refused
        RateLimited          asked to wait
        UpstreamChanged      an answer of an unexpected shape
        Unreachable          no answer

Every class carries the RPC slug that a client sees; `str(error)` is safe to show (no secrets).
"""

from __future__ import annotations

from typing import ClassVar

from openusage_proto import errors as wire


class OpenUsageError(Exception):
    """Base of all expected failures; `slug` is what the wire says."""

    slug: ClassVar[str] = wire.INTERNAL_ERROR


class ConfigError(OpenUsageError):
    """Settings that cannot be used, with the key and the reason."""

    slug = wire.CONFIG_INVALID


class StorageError(OpenUsageError):
    """The database cannot do what was asked."""

    slug = wire.STORAGE_FAILED


class DatabaseBusy(StorageError):
    """Another process holds the write lock for longer than we wait."""

    slug = wire.STORAGE_BUSY


class DatabaseFromFuture(StorageError):
    """The file was written by a newer version; it is left untouched."""


class StoreClosed(StorageError):
    """A call arrived after the store was closed."""

    slug = wire.SHUTTING_DOWN


class LifecycleError(OpenUsageError):
    """The daemon cannot start or stop."""


class AlreadyRunning(LifecycleError):
    """Another daemon owns the lock of this state directory."""


class SocketPathTaken(LifecycleError):
    """Something that is no socket lies at the socket path; it is not deleted."""


class InvalidParams(OpenUsageError):
    """Parameters of the right type that mean nothing: a zone or date that does not exist."""

    slug = wire.INVALID_PARAMS


class InvalidEvent(OpenUsageError):
    """An event that cannot be stored; `field` is its path, `reason` what is wrong with it."""

    slug = wire.INVALID_EVENT

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class ProviderError(OpenUsageError):
    """A vendor or a tool's own files failed us."""

    slug = wire.PROVIDER_FAILED


class AuthRequired(ProviderError):
    """Credentials are missing, expired or refused; the message says how to get new ones."""

    slug = wire.AUTH_REQUIRED


class RateLimited(ProviderError):
    """The vendor asked to wait; `retry_after_s` is None when it did not say how long."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamChanged(ProviderError):
    """An answer of an unexpected shape; `path` is where it differed."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class Unreachable(ProviderError):
    """No answer: connection refused, time-out, name not found."""
