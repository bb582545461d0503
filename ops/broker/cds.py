"""The class data archive: Kafka's classes as the JVM wants them in memory, which halves the time to start.

One per Java build, beside the jars, made by a short run on data that is thrown away. Where it cannot be made the
broker starts without; a JVM that does not like an archive ignores it (`-Xshare:auto`).
"""

import hashlib
from pathlib import Path

from .java import Java


def archive_path(home: Path, java: Java, class_path: list[Path]) -> Path:
    """One archive per Java and class path: the JVM refuses it for any other."""
    identity = "\n".join([str(java.executable), java.build, *map(str, class_path)])
    return home / "cds" / f"{java.version}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.jsa"


def use_archive(archive: Path) -> list[str]:
    if not archive.is_file():
        return []
    return ["-Xshare:auto", f"-XX:SharedArchiveFile={archive}", "-Xlog:disable", "-Xlog:all=error:stderr"]
