"""From a person's request to the case file: one recipient answers and one does not, and nothing opens anywhere."""

import json
import urllib.request

import pytest
from ecosystem import until
from erasure_world import DATASET, JOINED, OPENED, ErasureWorld, Traces

pytestmark = pytest.mark.broker
REPLACED = 6
FED, POISED = 20, 10


def test_from_request_to_case_file(world: ErasureWorld) -> None:
    person, other = world.person(), world.person()
    with world.lane.worker(DATASET):
        world.feed(person, FED)
        world.feed(other, FED)
        world.work_off()
    sealed = world.quarantine(person)
    opened, closed = world.seen_by("fi-tax", OPENED)
    assert {one["payee"]["national_id"] for one in opened} == {person["national_id"], other["national_id"]}
    assert closed == 0
    old_pseudonym = world.pseudonym(person)
    assert world.joined() == {old_pseudonym, world.pseudonym(other)}
    traces, others, backup = world.traces(person), world.traces(other), world.backup("before.db")
    assert {OPENED, JOINED, f"quarantine.{DATASET}"} <= traces.handles.keys()
    assert world.opens(traces) == dict.fromkeys(traces.handles, 1)

    case = four_eyes_and_a_hold(world, person, traces)
    destroyed_under_the_hands_of_a_worker(world, person, case)

    nothing_opens(world, traces, others)
    assert all(one in backup.read_bytes() for one in traces.wrapped)
    assert "erased" in world.home.cli("quarantine", "show", DATASET, str(sealed)).err
    opened, closed = world.seen_by("fi-tax", OPENED)
    assert closed == FED
    assert sum(one["payee"]["national_id"] == person["national_id"] for one in opened) == POISED
    # What came later is of somebody whom nothing joins with whom it was.
    assert world.joined() == {old_pseudonym, world.pseudonym(person), world.pseudonym(other)}
    assert world.pseudonym(person) != old_pseudonym

    one_recipient_answers(world, case, traces, old_pseudonym)
    the_case_file(world, case, traces, person)
    a_restored_backup(world, backup, traces, others)


def four_eyes_and_a_hold(world: ErasureWorld, person: dict, traces: Traces) -> str:
    """An approved case; until then nothing is destroyed."""
    case = str(world.erasure("request", "--as", "desk", stdin=person["national_id"]).json["case"])
    assert world.erasure("decide", case, "--as", "dpo", "--refuse").code == 3
    assert world.erasure("decide", case, "--as", "dpo", "--grant").json["state"] == "granted"
    assert world.erasure("approve", case, "--as", "dpo").code == 5
    assert world.erasure("hold", case, "--as", "legal", "--ground", "court order 7").code == 0
    refused = world.erasure("approve", case, "--as", "deputy")
    assert refused.code == 5
    assert "court order 7" in refused.err
    assert world.execute(case).code == 5
    assert world.opens(traces) == dict.fromkeys(traces.handles, 1)
    assert world.erasure("hold", case, "--as", "legal", "--lift").code == 0
    assert world.erasure("approve", case, "--as", "deputy").json["state"] == "approved"
    return case


def destroyed_under_the_hands_of_a_worker(world: ErasureWorld, person: dict, case: str) -> None:
    """A worker is stopped with a transaction about the person ready to commit: it never gets it through."""
    with world.lane.worker(DATASET) as worker:
        (slot,) = (one.place.slot for one in world.lane.words(DATASET))
        worker.arm("commit_unsent stop")
        world.feed(person, POISED)
        until(lambda: worker.is_stopped, "the worker does not come to the point")
        assert len(world.records(f"view.{OPENED}")) > 2 * FED
        done = world.execute(case, "PT1S").json
        assert done["workers"] == {"acknowledged": [], "fenced": [slot]}
        assert done["missing"] == ["ee-stat", "fi-tax"]
        worker.go_on()
        assert worker.process.wait(20) == REPLACED, worker.log.read_text()
    with world.lane.worker(DATASET):
        world.work_off()


def nothing_opens(world: ErasureWorld, traces: Traces, others: Traces) -> None:
    """Not what was released, nor what was aborted or refused, for whoever has the store: all of it still lies there."""
    assert world.opens(traces) == dict.fromkeys(traces.handles, 0)
    assert world.opens(others) == dict.fromkeys(others.handles, 1)
    assert not any(one in world.on_disk() for one in traces.wrapped)
    assert all(one in world.on_disk() for one in others.wrapped)
    for topic in (f"view.{OPENED}", f"quarantine.{DATASET}"):
        handles = traces.handles[topic.removeprefix("view.")]
        assert any(handle in batch for batch in world.segments(topic) for handle in handles), topic
    assert sum(any(one in record for one in traces.handles[OPENED]) for record in world.records(f"view.{OPENED}")) > FED


def one_recipient_answers(world: ErasureWorld, case: str, traces: Traces, pseudonym: str) -> None:
    """Each is told what it knows the person by; one answers, and what it was told is kept no longer."""
    told = world.erasure("notices", "--as", "ee-stat").json
    assert [(one["case"], one["agreement"], one["pseudonyms"]) for one in told] == [(case, JOINED, [pseudonym])]
    (told,) = world.erasure("notices", "--as", "fi-tax").json
    assert (told["agreement"], told["handles"]) == (OPENED, [one.hex() for one in traces.handles[OPENED]])
    assert world.erasure("receipt", case, "--as", "fi-tax", "--key", str(world.key("ee-stat"))).code == 5
    assert world.erasure("receipt", case, "--as", "fi-tax", "--key", str(world.key("fi-tax"))).code == 0
    assert world.erasure("notices", "--as", "fi-tax").json == []
    assert world.erasure("receipt", case, "--as", "fi-tax", "--key", str(world.key("fi-tax"))).code == 5


def the_case_file(world: ErasureWorld, case: str, traces: Traces, person: dict) -> None:
    status = world.erasure("status", case)
    assert status.code == 5  # somebody's receipt is overdue
    assert person["national_id"] not in status.out
    file = json.loads(status.out)
    kinds = ["requested", "granted", "held", "freed", "approved", "destroyed", "noticed", "noticed", "received"]
    assert [one["step"] for one in file["steps"]] == kinds
    states = [(one["recipient"], one["state"]) for one in file["recipients"]]
    assert states == [("ee-stat", "overdue"), ("fi-tax", "erased")]
    destroyed = next(one for one in file["steps"] if one["step"] == "destroyed")
    assert set(destroyed["agreements"]) == traces.handles.keys()
    until(lambda: overdue(world) == {"ee-stat": 1.0}, "the gateway does not count who is overdue")


def a_restored_backup(world: ErasureWorld, backup, traces: Traces, others: Traces) -> None:
    """It opens everything again, so that no role takes it until what was ordered is done to it, too."""
    with world.restored(backup) as directory:
        assert world.opens(traces, directory) == dict.fromkeys(traces.handles, 1)
        with world.exchange_in(directory) as process:
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 3
        assert "penstock erasure replay" in said
        replayed = world.erasure("replay", directory=directory).json
        assert (replayed["replayed"], replayed["subjects"]) == (1, 1)
        assert world.opens(traces, directory) == dict.fromkeys(traces.handles, 0)
        assert world.opens(others, directory) == dict.fromkeys(others.handles, 1)
        assert not any(one in world.on_disk(directory) for one in traces.wrapped)
        known = world.lane.words(DATASET)
        with world.exchange_in(directory):
            until(lambda: [one for one in world.lane.words(DATASET) if one not in known], "the role does not start")


@pytest.mark.parametrize("point", ["erasure_ordered", "erasure_destroyed"])
def test_a_command_that_is_killed_leaves_a_case_that_can_be_gone_on_with(world: ErasureWorld, point: str) -> None:
    """Ordered is destroyed, by a worker if by nobody else, and what a later event made is not destroyed again."""
    person = world.person()
    with world.lane.worker(DATASET):
        world.feed(person, FED)
        world.work_off()
        traces, case = world.traces(person), world.approved(person)
        assert world.execute_and_die(case, point) == -9
        until(lambda: set(world.opens(traces).values()) == {0}, "nobody carries the order out", 20)
        world.feed(person, FED)
        world.work_off()
        later, pseudonym = world.traces(person), world.pseudonym(person)
        done = world.execute(case).json
        assert len(done["workers"]["acknowledged"]) == 1
        assert done["missing"] == ["ee-stat", "fi-tax"]
    assert world.opens(later) == dict.fromkeys(later.handles, 1)
    assert world.pseudonym(person) == pseudonym
    steps = [one["step"] for one in world.erasure("status", case).json["steps"]]
    assert steps == ["requested", "granted", "approved", "destroyed", "noticed", "noticed"]


def overdue(world: ErasureWorld) -> dict[str, float]:
    """Recipients whose receipts are overdue, and how many, as the gateway's metrics say."""
    url = f"http://127.0.0.1:{world.home.facts('gateway')['port']}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    name = 'penstock_erasure_receipts_overdue{recipient="'
    found = [line.removeprefix(name).split('"} ') for line in lines if line.startswith(name)]
    return {member: float(count) for member, count in found if float(count)}
