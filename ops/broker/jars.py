"""Kafka's jars: named with their SHA-256 in `jgo.lock.toml`, fetched once, shared by all ecosystems of a user."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...schemas.errors import ConfigurationError, PenstockError, UnavailableError

KAFKA_VERSION = "4.3.1"
LOCK_FILE = Path(__file__).with_name("jgo.lock.toml")
SPACE_FOR_JARS = 250 * 1024 * 1024
"""Free bytes wanted before fetching: the jars, and the class data archive made beside them."""

Say = Callable[[str], None]


def say_to_stderr(line: str) -> None:
    sys.stderr.write(f"penstock: {line}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Jar:
    """One locked artifact."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    def is_whole(self, path: Path) -> bool:
        return path.is_file() and digest(path) == self.sha256


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def locked_jars(lock_file: Path = LOCK_FILE) -> list[Jar]:
    entries = tomllib.loads(lock_file.read_text(encoding="utf-8"))["dependencies"]
    return [Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries]


def cache_dir() -> Path:
    """`kafka-<version>/` below PENSTOCK_CACHE, XDG_CACHE_HOME or ~/.cache."""
    base = os.environ.get("PENSTOCK_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "penstock" / f"kafka-{KAFKA_VERSION}"


def ensure_jars(home: Path | None = None, *, jars: list[Jar] | None = None, say: Say = say_to_stderr) -> list[Path]:
    """The class path, every jar verified; fetches what is missing into `home`.

    Jars gather in `<home>.partial` and move to `<home>/jars` as one rename when all are there and verified,
    so an interrupted fetch is never used and the next one goes on where it stopped.
    """
    home = home or cache_dir()
    jars = jars or locked_jars()
    ready = home / "jars"
    if not _whole(jars, ready):
        with exclusive(home, say):
            if not _whole(jars, ready):  # another process may have fetched them meanwhile
                _fetch_all(jars, home, say)
    return [ready / jar.name for jar in jars]


def _whole(jars: list[Jar], folder: Path) -> bool:
    return all(jar.is_whole(folder / jar.name) for jar in jars)


@contextlib.contextmanager
def exclusive(home: Path, say: Say) -> Iterator[None]:
    """One process at a time fills a cache; a second one waits here."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        handle = home.with_name(home.name + ".lock").open("a")
    except OSError as error:
        raise ConfigurationError(
            f"the cache for Kafka's jars cannot be written ({error.strerror})",
            place=str(home),
            remedy="set PENSTOCK_CACHE to a directory that can",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that fills {home}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch_all(jars: list[Jar], home: Path, say: Say) -> None:
    require_space(home, SPACE_FOR_JARS)
    partial = home.with_name(home.name + ".partial")
    gathered = partial / "jars"
    gathered.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not jar.is_whole(gathered / jar.name)]
    say(f"fetching Kafka {KAFKA_VERSION} ({len(missing)} of {len(jars)} jars, about 45 MB in all), once, to {home}")
    _fetch(missing, partial, gathered, say)
    shutil.rmtree(home / "jars", ignore_errors=True)
    gathered.rename(home / "jars")
    shutil.rmtree(partial, ignore_errors=True)


def _fetch(missing: list[Jar], partial: Path, gathered: Path, say: Say) -> None:
    context = _maven(partial / "repository")
    with ThreadPoolExecutor(6, thread_name_prefix="jars") as pool:
        coming = {pool.submit(_fetch_one, jar, context, gathered): jar for jar in missing}
        try:
            for done, future in enumerate(as_completed(coming), 1):
                size = future.result().stat().st_size
                say(f"{done:>3}/{len(missing)} {coming[future].name} ({size / 1e6:.1f} MB)")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_one(jar: Jar, context: Any, gathered: Path) -> Path:
    artifact = context.create_dependency(jar.coordinate).artifact
    cached = context.repo_cache / artifact.component.path_prefix / artifact.filename
    if cached.exists() and not jar.is_whole(cached):
        cached.unlink()  # left half-written by a fetch that was interrupted
    path = _download(jar, artifact, context)
    found = digest(path)
    if found != jar.sha256:
        cached.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{jar.coordinate} has the wrong checksum: SHA-256 {found}, wanted {jar.sha256}; it is not used",
            place=_repository_name(context),
            remedy="fetch from a repository that serves the original, or find out who changed it",
        )
    shutil.copyfile(path, gathered / f"{jar.name}.new")
    return (gathered / f"{jar.name}.new").rename(gathered / jar.name)


def _download(jar: Jar, artifact: Any, context: Any) -> Path:
    try:
        return Path(artifact.resolve())
    except PenstockError:
        raise
    except Exception as error:  # jgo raises requests' errors, RuntimeError and OSError alike
        raise UnavailableError(
            f"{jar.coordinate} cannot be fetched: {_short(error)}",
            place=_repository_name(context),
            remedy="check the network, or set PENSTOCK_MAVEN_REPOSITORY to a mirror's URL or to a directory "
            "laid out like a Maven repository; what has come already is kept",
        ) from error


def _short(error: Exception) -> str:
    """What requests says is a paragraph of nested reprs; the kind of error tells as much."""
    return str(error) if len(str(error)) < 100 else type(error).__name__


def _repository_name(context: Any) -> str:
    return ", ".join([*context.remote_repos.values(), *map(str, context.local_repos)])


def _maven(repository: Path) -> Any:
    """Maven as jgo sees it: the default repository, or the one that PENSTOCK_MAVEN_REPOSITORY names."""
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise ConfigurationError(
            "the embedded broker needs the package jgo", remedy="pip install 'penstock[local]'"
        ) from error
    named = os.environ.get("PENSTOCK_MAVEN_REPOSITORY", "")
    if not named:
        return MavenContext(repo_cache=repository, timeout=30)
    if "://" in named:
        return MavenContext(repo_cache=repository, remote_repos={"named": named.rstrip("/")}, timeout=30)
    return MavenContext(repo_cache=repository, remote_repos={}, local_repos=[Path(named)])


def require_space(folder: Path, wanted: int, free: Callable[[Path], int] | None = None) -> None:
    """Raises unless the file system of `folder` has `wanted` bytes free."""
    left = free(folder) if free else shutil.disk_usage(folder).free
    if left < wanted:
        raise ConfigurationError(
            f"only {left / 1e6:.0f} MB are free, the embedded broker wants {wanted / 1e6:.0f} MB",
            place=str(folder),
            remedy="free some space, or move the ecosystem or PENSTOCK_CACHE to a larger file system",
        )
