"""The directory of a file source: which files count, what they hold, and where they go afterwards."""

import contextlib
import hashlib
import itertools
import logging
import os
from pathlib import Path
from typing import BinaryIO

from ...schemas.errors import ConfigurationError

log = logging.getLogger(__name__)

UNFINISHED = (".part", ".tmp")


class Inbox:
    """A directory that others rename files into; `done/` and `failed/` lie inside it, on the same file system."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._done = directory / "done"
        self._failed = directory / "failed"

    def prepare(self) -> None:
        """Make `done/` and `failed/`. Raises ConfigurationError when the directory is missing or not ours to write."""
        if not self._directory.is_dir():
            raise ConfigurationError(
                "the inbox is no directory", place=str(self._directory), remedy="create it, or name another one"
            )
        try:
            self._done.mkdir(exist_ok=True)
            self._failed.mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"done/ and failed/ cannot be made in the inbox ({error.strerror})",
                place=str(self._directory),
                remedy="the connector's account needs to write there",
            ) from None

    def names(self) -> list[str]:
        """Return the names of the finished files, in order. A symbolic link is no file: it may lead anywhere."""
        with os.scandir(self._directory) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".")
                and not entry.name.endswith(UNFINISHED)
                and entry.is_file(follow_symlinks=False)
            )

    def open(self, name: str) -> BinaryIO | None:
        """Return the file, or None if it is gone or cannot be read; one that cannot be read moves to `failed/`."""
        try:
            descriptor = os.open(self._directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.fail(name, f"the file cannot be opened ({error.strerror})")
            return None
        return os.fdopen(descriptor, "rb")

    def holding(self, sha256: str, first: str) -> str | None:
        """Return the name of a file with this content, looking at `first` first; None if there is none."""
        for name in sorted(self.names(), key=lambda name: name != first):
            stream = self.open(name)
            if stream is None:
                continue
            with stream:
                if hash_of(stream) == sha256:
                    return name
        return None

    def finish(self, name: str, seen: os.stat_result | None = None) -> None:
        """Move a file to `done/`; with `seen`, only if it is still the file that was read."""
        if seen is None or self._unchanged(name, seen):
            self._move(name, self._done)

    def fail(self, name: str, reason: str, seen: os.stat_result | None = None) -> None:
        """Move a file to `failed/`, with the reason beside it; with `seen`, as `finish`."""
        if seen is not None and not self._unchanged(name, seen):
            return
        target = self._move(name, self._failed)
        if target is not None:
            log.warning("%r moved to failed/: %s", name, reason)
            # The log has it already; a full disk or a name of 255 bytes is no reason to stop the others.
            with contextlib.suppress(OSError):
                target.with_name(f"{target.name}.reason").write_text(f"{reason}\n", encoding="utf-8")

    def _unchanged(self, name: str, seen: os.stat_result) -> bool:
        try:
            now = (self._directory / name).lstat()
        except FileNotFoundError:
            return False
        if not os.path.samestat(now, seen):
            # A writer renamed a newer file over it: what was read is gone, and the newer one's turn comes.
            return False
        if changed(now, seen):
            self.fail(name, "the file changed after it was read")
            return False
        return True

    def _move(self, name: str, folder: Path) -> Path | None:
        target = _free(folder / name)
        try:
            (self._directory / name).rename(target)
        except FileNotFoundError:
            return None
        return target


def changed(now: os.stat_result, seen: os.stat_result) -> bool:
    """Return whether somebody wrote into the file. Renaming it does not count."""
    return (now.st_size, now.st_mtime_ns) != (seen.st_size, seen.st_mtime_ns)


def hash_of(stream: BinaryIO) -> str:
    """Return the SHA-256 of the whole file as lower-case hex, and leave it at its start."""
    stream.seek(0)
    digest = hashlib.sha256()
    while piece := stream.read(1 << 20):
        digest.update(piece)
    stream.seek(0)
    return digest.hexdigest()


def _free(target: Path) -> Path:
    """Return `target`, or the first of `name.2`, `name.3`, … that is free: nothing in `done/` is overwritten."""
    candidates = (target.with_name(f"{target.name}.{count}") for count in itertools.count(2))
    return next(path for path in itertools.chain((target,), candidates) if not os.path.lexists(path))
