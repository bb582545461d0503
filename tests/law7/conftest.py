"""Broker and gateway of an ecosystem of this folder's own; and what was measured, said at the end."""

import contextlib
from collections.abc import Iterator

import pytest
import ticking as small_events
from access_world import AccessWorld
from law7_world import Law7World
from ticking import Ticking

MEASURED = "measured"


@pytest.fixture(scope="session")
def world(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Law7World]:
    """Shared by this folder: a test that changes what is in force changes it back, or ends what no other uses."""
    folder = tmp_path_factory.mktemp("law7")
    with AccessWorld.running(folder / "eco") as access:
        small_events.lay_out(access)
        with contextlib.closing(Law7World(access, folder)) as made:
            yield made


@pytest.fixture(scope="session")
def ticking(world: Law7World) -> Ticking:
    return Ticking(world)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each test of this folder measured."""
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, ())]
    told = [(one.nodeid, what) for one in reports for name, what in one.user_properties if name == MEASURED]
    if told:
        terminalreporter.section("a change within a second")
    for test, what in told:
        terminalreporter.write_line(f"{test.rpartition('::')[2]}: {what}")
