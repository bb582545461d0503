"""A Kafka as its image lays it out, `bin/…` scripts over the jars that are here, for what deploy/ does with it."""

import os
import shlex
import socket
from pathlib import Path

from penstock.ops.broker.embedded import install


def make(folder: Path) -> Path:
    """Make a KAFKA_HOME in `folder` and return it."""
    jvm = install()
    tools = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}
    (folder / "bin").mkdir(parents=True)
    (folder / "logs").mkdir()
    for script, main in tools.items():
        path = folder / "bin" / script
        path.write_text(f'#!/bin/sh\nexec {shlex.join(jvm.run(folder, main))} "$@"\n')
        os.chmod(path, 0o755)  # noqa: S103, PTH101 - a script is to be run
    return folder


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
