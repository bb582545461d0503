"""How the tests are shared out to several processes: what belongs together goes to one, what is long goes first."""

from collections.abc import Sequence
from typing import Any

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("access", "http", "lanes", "law7", "mqtt", "store", "streams")
"""Folders whose tests share what takes long to set up. Elsewhere only a file's tests do."""
LONG = ("faults", "walk", "smart_city", "streams", "access", "dashboards")
"""Folders that take longest; begun last, they would be waited for at the end."""


def unit(nodeid: str) -> str:
    """Return what a test's process is chosen by: its folder or its file."""
    file = nodeid.partition("::")[0]
    folder = file.partition("/")[0]
    return folder if folder in TOGETHER else file


def long_first(items: Sequence[Any]) -> list[Any]:
    """Return the tests in the order in which they are to begin."""
    rank = {folder: number for number, folder in enumerate(LONG)}
    return sorted(items, key=lambda item: rank.get(item.nodeid.partition("/")[0], len(rank)))


class Shares(LoadScopeScheduling):
    """Gives each process the next unit when it is nearly through with its last."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
