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
    """A file that only its owner may read: 32 bytes for each version of the KEK, the newest last.

    It is read each time, so that a new version counts at once, and a file that is gone counts as a KMS that is away.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        if create:
            _create(path)
        _read(path)

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return wrap(_read(self._path)[-1], key, b"kek", context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key. Raises KeyUnavailableError when another KEK wrapped it or it was damaged."""
        for kek in reversed(_read(self._path)):
            with suppress(InvalidTag):
                return unwrap(kek, wrapped, b"kek", context)
        raise KeyUnavailableError(
            "the KEK does not open this store", place=str(self._path), remedy="restore the KEK and store together"
        )

    def rotate(self) -> None:
        """Write a new version behind those before, which stay: they open backups of the store from before."""
        _replace(self._path, b"".join((*_read(self._path), secrets.token_bytes(KEY_BYTES))))

    def health(self) -> str | None:
        return None if self._path.exists() else f"{self._path} is gone"


def _create(path: Path) -> None:
    """Make the file with a new key unless there is one; two processes at once end up with the same."""
    if path.exists():
        return
    fresh = _beside(path, secrets.token_bytes(KEY_BYTES))
    with suppress(FileExistsError):  # another process made it first, and this one reads that
        path.hardlink_to(fresh)
    fresh.unlink()


def _replace(path: Path, keks: bytes) -> None:
    _beside(path, keks).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _beside(path: Path, keks: bytes) -> Path:
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(keks)
        file.flush()
        os.fsync(file.fileno())
    return fresh


def _read(path: Path) -> list[bytes]:
    try:
        mode = path.stat().st_mode
        keks = path.read_bytes()
    except OSError as failure:
        # It may come back, as any KMS may: a role that needs it waits and is started again.
        raise UnavailableError(
            f"the KEK cannot be read ({failure.strerror})",
            place=str(path),
            remedy="restore it from where you keep it: a store without its KEK cannot be opened",
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError("others may read the KEK", place=str(path), remedy=f"chmod 600 {path}")
    if not keks or len(keks) % KEY_BYTES:
        raise ConfigurationError(
            f"the KEK has {len(keks)} bytes, not {KEY_BYTES} for each version", place=str(path), remedy="restore it"
        )
    return [keks[start : start + KEY_BYTES] for start in range(0, len(keks), KEY_BYTES)]
