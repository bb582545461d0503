"""Kafka's command line: heap, collector and compiler for a quick start on a small machine, and the class path."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from .java import Java

_HEAP = ("-Xms128m", "-Xmx512m")
_QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true")
_SILENCE_SINCE = 24
_SILENCE = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
"""What Kafka and zstd do on purpose, and newer Javas warn about at every start."""


@dataclass(frozen=True)
class Jvm:
    """A Java with Kafka's jars."""

    java: Java
    class_path: tuple[Path, ...]
    options: tuple[str, ...] = ()

    def plus(self, *options: str) -> Self:
        return replace(self, options=(*self.options, *options))

    def run(self, root: Path, main: str, *arguments: str) -> list[str]:
        """An argument list whose first is an absolute path, fit for `os.execv`; logs go to standard error."""
        return [
            str(self.java.executable),
            *_HEAP,
            *_QUICK,
            *(_SILENCE if self.java.major >= _SILENCE_SINCE else ()),
            *self.options,
            f"-XX:ErrorFile={root}/logs/jvm_crash_%p.log",
            "-cp",
            os.pathsep.join(map(str, self.class_path)),
            main,
            *arguments,
        ]

    def kafka(self, root: Path) -> list[str]:
        """The broker on `root`, logging to files; PENSTOCK_BROKER_JVM_OPTIONS comes last and wins (`-Xmx2g`)."""
        own = os.environ.get("PENSTOCK_BROKER_JVM_OPTIONS", "").split()
        logging = f"-Djava.util.logging.config.file={root}/logging.properties"
        return self.plus(logging, *own).run(root, "kafka.Kafka", str(root / "server.properties"))
