"""The machine: Python and client, disk, files that hold secrets."""

import importlib.metadata
import platform
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ...processors.back_end import back_end
from ...schemas.errors import ConfigurationError
from ...streams.client_facts import client_version
from ..documents.load import ecosystem_of
from ..home import Home
from .result import Result, Verdict, well

TESTED_CLIENT = "2.16."
"""The release of the Kafka client whose log the transaction runner understands (see docs/decisions/0001)."""

LEAST_FREE = 0.10
ILL_FREE = 0.03


def software() -> Iterator[Result]:
    """Say which versions run; the Kafka client must be one that was tested."""
    version = importlib.metadata.version("penstock")
    client = client_version()
    said = f"penstock {version}, Python {platform.python_version()}, Kafka client {client}"
    if client.startswith(TESTED_CLIENT):
        yield well("software", said)
    else:
        remedy = (
            f"install what requirements.lock names: the guard against late commits was tested with {TESTED_CLIENT}x"
        )
        yield Result("software", Verdict.WARNING, said, remedy)


def exchange(root: Path) -> Iterator[Result]:
    """Say which back end makes views here, and whether it is the one that `ecosystem.yaml` names."""
    try:
        chosen = back_end(ecosystem_of(root).exchange.back_end)
    except ConfigurationError as missing:
        yield Result("exchange", Verdict.ILL, missing.message, missing.remedy)
        return
    yield well("exchange", f"views are made by the back end `{chosen}`")


def disk(home: Home) -> Iterator[Result]:
    """Say how full the disks are that state and Kafka's data lie on."""
    places = {"state": home.state, "broker": home.broker}
    seen: set[int] = set()
    for name, path in places.items():
        if not path.exists() or path.stat().st_dev in seen:
            continue
        seen.add(path.stat().st_dev)
        yield _room(name, path)


def _room(name: str, path: Path) -> Result:
    usage = shutil.disk_usage(path)
    free = usage.free / usage.total
    said = f"{usage.free / 2**30:.1f} GiB free of {usage.total / 2**30:.1f} ({free:.0%}) where {name} lies"
    if free >= LEAST_FREE:
        return well("disk", said)
    verdict = Verdict.ILL if free < ILL_FREE else Verdict.WARNING
    remedy = "free space, or shorten a retention class and apply; Kafka ends when it cannot write"
    return Result("disk", verdict, said, remedy, "PenstockDiskFilling")


def secret_files(home: Home) -> Iterator[Result]:
    """Say whether others than the owner can read what must stay secret."""
    secret = [home.kek, home.store, *_inside(home.tokens), *_inside(home.state / "credentials")]
    there = [path for path in secret if path.exists()]
    open_ones = [path for path in there if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    for path in open_ones:
        yield Result("secrets", Verdict.ILL, f"others may read {path}", f"chmod 600 {path}")
    if not open_ones:
        yield well("secrets", f"{len(there)} files with secrets are readable by their owner only")


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
