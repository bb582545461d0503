"""A KEK in a file: for development and demonstrations. Whoever reads the file reads every key."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag

from ...schemas.errors import ConfigurationError, KeyUnavailableError, UnavailableError
from .wrapping import unwrap, wrap

KEY_BYTES = 32


class FileKms:
    """A 32-byte KEK in a file that only its owner may read."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        if create:
            _create(path)
        self._key = _read(path)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return wrap(self._key, key, b"kek", context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key. Raises KeyUnavailableError when another KEK wrapped it or it was damaged."""
        try:
            return unwrap(self._key, wrapped, b"kek", context)
        except InvalidTag:
            raise KeyUnavailableError(
                "the KEK does not open this store", place=str(self._path), remedy="restore the KEK and store together"
            ) from None

    def health(self) -> str | None:
        return None if self._path.exists() else f"{self._path} is gone"


def _create(path: Path) -> None:
    """Make the file with a new key unless there is one; two processes at once end up with the same."""
    if path.exists():
        return
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # another process made it first, and this one reads that
        path.hardlink_to(fresh)
    fresh.unlink()


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        key = path.read_bytes()
    except OSError as failure:
        # It may come back, as any KMS may: a role that needs it waits and is started again.
        raise UnavailableError(
            f"the KEK cannot be read ({failure.strerror})",
            place=str(path),
            remedy="restore it from where you keep it: a store without its KEK cannot be opened",
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError("others may read the KEK", place=str(path), remedy=f"chmod 600 {path}")
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"the KEK has {len(key)} bytes, not {KEY_BYTES}", place=str(path), remedy="restore it")
    return key
