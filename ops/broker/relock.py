"""Maintainers: `python -m penstock.ops.broker.relock` resolves Kafka anew and rewrites `jgo.lock.toml`.

Everybody else installs exactly what the lock file names; nothing is resolved on their machines.
"""

import tempfile
from pathlib import Path
from typing import Any

from .jars import KAFKA_VERSION, LOCK_FILE

ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    # Kafka logs through SLF4J 1.7; without a binding it would log nothing. This one needs no further jar.
    "org.slf4j:slf4j-jdk14:1.7.36",
)


def relock() -> None:
    from jgo.env import LockFile
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as fresh:
        _lock(LockFile, MavenContext(repo_cache=Path(fresh), timeout=60))


def _lock(lock_file: Any, context: Any) -> None:
    inputs, transitive = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
    wanted = [*inputs, *(d for d in transitive if d.scope in {"compile", "runtime"})]
    unique = {dependency.artifact.key: dependency for dependency in wanted}
    ordered = sorted(unique.values(), key=lambda d: (d.groupId, d.artifactId))
    lock = lock_file.from_resolved_dependencies(ordered, environment_name=f"kafka-{KAFKA_VERSION}", min_java_version=17)
    lock.save(LOCK_FILE)


if __name__ == "__main__":
    relock()
