"""The class archive: Kafka's classes as the JVM wants them in memory, which halves the time to start.

Made once per Java build and class path, beside the jars, by a short run of Kafka on data that is thrown away.
Java 25 makes an AOT cache, older ones a dynamic class data archive. A damaged archive can crash a JVM, so its
SHA-256 is part of its name and is checked before every start; without an archive Kafka just starts slower.
"""

import contextlib
import hashlib
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...schemas.errors import PenstockError
from ..processes import dying_with_parent
from . import ports, storage
from .guard import Guard
from .jars import Say, digest, exclusive
from .jvm import Jvm
from .probe import wait_ready

_AOT_SINCE = 25
_OF = "a guarded broker"
"""What the archive was made of; another name when that changes."""


def with_archive(jvm: Jvm, home: Path, say: Say) -> Jvm:
    """The same JVM, starting from its archive where one could be made."""
    stem = _stem(jvm, home)
    if _find(stem) is None and _worth_trying(jvm, stem):
        with exclusive(home, say):
            if _find(stem) is None and _worth_trying(jvm, stem):
                _make(jvm, stem, say)
    archive = _find(stem)
    return jvm.plus(f"-XX:{_flags(jvm)[1]}={archive}") if archive else jvm


def _flags(jvm: Jvm) -> tuple[str, str]:
    """The options that make an archive and that use it."""
    return (
        ("AOTCacheOutput", "AOTCache")
        if jvm.java.major >= _AOT_SINCE
        else ("ArchiveClassesAtExit", "SharedArchiveFile")
    )


def _stem(jvm: Jvm, home: Path) -> Path:
    """One archive per Java and class path: the JVM takes it for no other."""
    identity = "\n".join([_OF, str(jvm.java.executable), jvm.java.build, *map(str, jvm.class_path), *jvm.options])
    return home / "archives" / f"java-{jvm.java.version}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def _find(stem: Path) -> Path | None:
    for archive in stem.parent.glob(f"{stem.name}.*.archive"):
        if archive.name.split(".")[-2] == digest(archive):
            return archive
        archive.unlink(missing_ok=True)
    return None


def _worth_trying(jvm: Jvm, stem: Path) -> bool:
    able = jvm.java.major >= _AOT_SINCE or jvm.java.has_base_archive
    return able and not _given_up(stem).exists()


def _given_up(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.none")


def _make(jvm: Jvm, stem: Path, say: Say) -> None:
    say(f"preparing Kafka to start quickly on Java {jvm.java.version}, once (about ten seconds)")
    stem.parent.mkdir(parents=True, exist_ok=True)
    fresh = stem.with_name(f"{stem.name}.new")
    try:
        _record(jvm.plus(f"-XX:{_flags(jvm)[0]}={fresh}"))
        fresh.rename(stem.with_name(f"{stem.name}.{digest(fresh)}.archive"))
    except (OSError, PenstockError, subprocess.SubprocessError) as error:
        fresh.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            _given_up(stem).write_text(f"{error}\n", encoding="utf-8")
        say(f"that did not work, Kafka will start without: {error}")


def _record(jvm: Jvm) -> None:
    """Runs Kafka once and ends it cleanly; the JVM writes the archive on its way out."""
    with tempfile.TemporaryDirectory(prefix="penstock-kafka-") as scratch, _scratch_kafka(jvm, Path(scratch)) as kafka:
        kafka.terminate()
        kafka.wait(120)


@contextlib.contextmanager
def _scratch_kafka(jvm: Jvm, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    port, controller_port = ports.choose(root)
    # Guarded as they all are, so that the classes of that are in the archive too.
    guard = Guard(secrets.token_urlsafe(), secrets.token_urlsafe())
    pairs = storage.configure(root, port, controller_port, guard.settings())
    storage.format_once(jvm, root, pairs, guard.users())
    quiet = subprocess.DEVNULL
    with subprocess.Popen(dying_with_parent(jvm.kafka(root)), stdin=quiet, stdout=quiet, stderr=quiet) as kafka:
        try:
            wait_ready(f"127.0.0.1:{port}", 60, alive=lambda: kafka.poll() is None)
            yield kafka
        finally:
            kafka.kill()
