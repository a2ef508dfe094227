"""
Another program's file on disk: read whole, refused when it must not be touched, replaced at once.

Links are followed and stay links; mode and owner stay; what was there before is kept beside it,
under a name with the time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from datetime import UTC, datetime
from typing import Final

from openusage_proto.values import dataclass
from openusaged.config import atomic_file
from openusaged.core.errors import ConfigError

MAX_BYTES: Final = 8 << 20
_BOM: Final = b"\xef\xbb\xbf"
_NEW_FILE_MODE: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """What is at a path now.  `target` is the file behind links, `data` None when there is none."""

    path: str
    target: str
    data: bytes | None
    mode: int = _NEW_FILE_MODE
    owner: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """
        The file's text without a byte order mark.

        Raises:
            ConfigError: it is not UTF-8, with line and column.
        """
        data = (self.data or b"").removeprefix(_BOM)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            head = data[: error.start]
            line, column = head.count(b"\n") + 1, error.start - head.rfind(b"\n")
            raise ConfigError(f"{self.path}:{line}:{column}: not UTF-8") from None

    def encode(self, text: str) -> bytes:
        """
        The bytes of a changed text, with the byte order mark that was there.

        Raises:
            ConfigError: a path that is not text has come into it.
        """
        bom = _BOM if self.data is not None and self.data.startswith(_BOM) else b""
        try:
            return bom + text.encode("utf-8")
        except UnicodeEncodeError:
            raise ConfigError(f"{self.path}: a path in it is not text") from None


def read(path: str) -> ConfigFile:
    """
    The file at a path, or that there is none.

    Raises:
        ConfigError: it is no plain file, cannot be read, or is too large to be a configuration.
    """
    target = atomic_file.behind_links(path)
    try:
        # Without O_NONBLOCK a named pipe would wait for a writer for ever.
        fd = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ConfigFile(path=path, target=target, data=None)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            raise ConfigError(f"{path}: is no file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES >> 20} MiB, which no configuration is")
    return ConfigFile(
        path=path,
        target=target,
        data=data,
        mode=stat.S_IMODE(info.st_mode),
        owner=(info.st_uid, info.st_gid),
    )


def check_writable(file: ConfigFile) -> None:
    """
    Refuse what its owner has protected, before anything is written anywhere.

    Raises:
        ConfigError: the file is read-only (a rename would get around that), or its directory is.
    """
    behind = "" if file.path == file.target else f" (a link to {file.target})"
    # By its mode, not by access(): root may write everything, and a file of a package manager or a
    # Nix store is read-only because it is not to be edited.
    if file.data is not None and not file.mode & stat.S_IWUSR:
        raise ConfigError(f"{file.path}{behind}: is read-only; nothing was changed")
    if file.data is not None and not os.access(file.target, os.W_OK):
        raise ConfigError(f"{file.path}{behind}: belongs to another user; nothing was changed")
    directory = nearest_directory(file.target)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigError(f"{directory}: cannot be written; nothing was changed")


def nearest_directory(path: str) -> str:
    """The closest directory above a path that exists."""
    directory = os.path.dirname(path)
    while not os.path.isdir(directory) and directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
    return directory


def write(file: ConfigFile, data: bytes, *, mode: int | None = None) -> None:
    """
    Replace the file's bytes in one step; mode and owner stay.

    Raises:
        ConfigError: it has changed since it was read, or cannot be written.
    """
    _compare(file)
    try:
        os.makedirs(os.path.dirname(file.target), exist_ok=True)
        atomic_file.replace(
            file.target, data, file.mode if mode is None else mode, owner=file.owner
        )
    except OSError as error:
        raise ConfigError(f"{file.path}: {error.strerror or error}") from error


def delete(file: ConfigFile) -> None:
    """
    Remove the file (behind a link: the file and the link).

    Raises:
        ConfigError: it has changed since it was read, or cannot be removed.
    """
    _compare(file)
    try:
        os.unlink(file.target)
        if file.path != file.target and os.path.islink(file.path):
            os.unlink(file.path)
    except OSError as error:
        raise ConfigError(f"{file.path}: {error.strerror or error}") from error


def _compare(file: ConfigFile) -> None:
    """Another program may have written in the meantime; its bytes must not be lost."""
    if read(file.path).data != file.data:
        raise ConfigError(f"{file.path}: was changed by another program meanwhile; try again")


def back_up(file: ConfigFile, now_ms: int) -> str:
    """
    Keep the file's bytes beside it, with its mode and owner; the path of the copy.

    Raises:
        ConfigError: there is no room or no right.
    """
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    base = f"{file.path}.openusage-{stamp}"
    path, number = f"{base}.bak", 2
    while True:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            break
        except FileExistsError:
            path, number = f"{base}-{number}.bak", number + 1
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(fd, "wb") as copy:
            copy.write(file.data or b"")
            copy.flush()
            if file.owner is not None:
                with contextlib.suppress(PermissionError):
                    os.fchown(copy.fileno(), *file.owner)
            os.fchmod(copy.fileno(), file.mode)
            os.fsync(copy.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    return path


def make_directories(path: str) -> list[str]:
    """Make the directories above a path; those that were not there, outermost first."""
    made: list[str] = []
    directory = os.path.dirname(path)
    while not os.path.isdir(directory):
        made.insert(0, directory)
        directory = os.path.dirname(directory)
    for directory in made:
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError(f"{directory}: {error.strerror}") from error
    return made


def remove_directories(paths: list[str]) -> None:
    """Remove directories that we made, innermost first, as far as nothing is in them."""
    for path in reversed(paths):
        try:
            os.rmdir(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise ConfigError(f"{path}: {error.strerror}") from error
            return
