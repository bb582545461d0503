"""A worker is stopped with its transaction ready to commit, what it decided on is changed, the worker goes on."""

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from ecosystem import until
from law7_world import POISED, Law7World

from penstock.streams.control import ControlWriter

pytestmark = pytest.mark.broker

DATASET, AGREEMENT = "tax-residency", "fi-ee-residency"
VIEW = f"view.{AGREEMENT}"
REPLACED = 6


Workers = dict[str, list[str]]
"""Slots that acknowledged, and those that were fenced."""


def command(word: str) -> Callable[[Law7World], Workers]:
    def change(world: Law7World) -> Workers:
        return world.ecosystem.cli("agreements", word, AGREEMENT, "--json").json["workers"]

    return change


def killed_command(world: Law7World) -> Workers:
    """What is left of a command that is killed right after its record: the record. The gateway does the rest."""
    with contextlib.closing(ControlWriter(world.access.wiring.cluster(), "cross-border-tax")) as writer:
        current = writer.current()
        assert current is not None
        held = current.agreements[AGREEMENT].with_status("suspended")
        agreements = {**current.agreements, AGREEMENT: held}
        writer.write(replace(current, number=current.number + 1, agreements=agreements))
    (slot,) = (one.place.slot for one in world.words(DATASET))
    until(lambda: not world.words(DATASET), "the gateway does not fence the slot", 10)
    return {"acknowledged": [], "fenced": [slot]}


def withheld(world: Law7World) -> int:
    """How many events were withheld for the agreement's state."""
    told = [one["agreements"][AGREEMENT]["withheld"] for one in world.audits(DATASET)]
    return sum(one.get("suspended", 0) + one.get("not_in_force", 0) for one in told)


CASES = [
    ("offsets_unsent", command("suspend")),
    ("commit_unsent", command("suspend")),
    ("commit_unsent", killed_command),
    ("commit_unsent", command("terminate")),
]


@pytest.mark.parametrize(("point", "change"), CASES, ids=["offsets", "commit", "killed-command", "terminate"])
def test_nothing_of_it_becomes_visible(world: Law7World, point: str, change: Callable[[Law7World], Workers]) -> None:
    world.ecosystem.cli("agreements", "resume", AGREEMENT)
    values = world.values(DATASET, POISED)
    with world.worker(DATASET) as worker:
        (slot,) = (one.place.slot for one in world.words(DATASET))
        world.feed(DATASET, values)
        until(lambda: world.accounted(DATASET) == world.fed[DATASET], "the worker does not work")
        before, withheld_before = world.released(VIEW), withheld(world)
        worker.arm(f"{point} stop")
        world.feed(DATASET, values)
        until(lambda: worker.is_stopped, "the worker does not come to the point")
        poised = world.released(VIEW, committed=False)
        assert change(world) == {"acknowledged": [], "fenced": [slot]}
        worker.go_on()
        assert worker.process.wait(20) == REPLACED, worker.log.read_text()
    assert len(poised) > len(before)
    with world.worker(DATASET):
        until(lambda: world.accounted(DATASET) == world.fed[DATASET], "the next worker does not work")
    assert sorted(world.released(VIEW)) == sorted(before)
    # Each of the events that it had in its hands was decided anew.
    assert withheld(world) == withheld_before + POISED
