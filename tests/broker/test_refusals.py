"""Counting refusals from Kafka's log: lines, rotations, names that are not known."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.ops.broker.refusals import KafkaRefusals

DENIED = (
    "2026-11-22 16:06:01.487 INFO kafka.authorizer.logger Principal = User:{} is Denied operation = READ from host = "
    "127.0.0.1 on resource = Topic:LITERAL:t1 for request = Fetch with resourceRefCount = 1 based on rule DefaultDeny\n"
)
FAILED = (
    "2026-11-22 16:06:01.550 INFO org.apache.kafka.common.network.Selector [SocketServer listenerType=BROKER] "
    "Failed authentication with /127.0.0.1 (channelId=1) (Authentication failed)\n"
)
HUNG_UP = FAILED.replace("INFO", "WARNING").replace("Failed authentication with", "Unexpected error from")
OTHER = "2026-11-22 16:06:01.000 INFO kafka.server.KafkaRaftServer [KafkaRaftServer nodeId=1] Kafka Server started\n"
KNOWN = frozenset(("member.fi", "gateway"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "broker.0.log"
    path.write_text(DENIED.format("gateway"))
    return path


@pytest.fixture
def refusals(log: Path) -> Iterator[KafkaRefusals]:
    with contextlib.closing(KafkaRefusals(log, lambda: KNOWN)) as made:
        yield made


def add(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def rotate(log: Path) -> None:
    """As java.util.logging does: the oldest falls away, the others move up, a new one is begun."""
    for number in range(4, 0, -1):
        older = log.with_name(f"broker.{number - 1}.log")
        if older.exists():
            older.rename(log.with_name(f"broker.{number}.log"))
    log.touch()


def test_counts_begin_now_and_only_known_principals_are_named(log: Path, refusals: KafkaRefusals) -> None:
    assert refusals.poll() == []
    add(log, DENIED.format("member.fi") * 2 + OTHER + DENIED.format("mallory") + FAILED + HUNG_UP)
    assert sorted(refusals.poll()) == [
        ("member.fi", "authorization", 2),
        ("unknown", "authentication", 2),
        ("unknown", "authorization", 1),
    ]
    assert refusals.poll() == []


def test_half_a_line_waits_for_its_rest(log: Path, refusals: KafkaRefusals) -> None:
    line = DENIED.format("member.fi")
    add(log, line[:90])
    assert refusals.poll() == []
    add(log, line[90:])
    assert refusals.poll() == [("member.fi", "authorization", 1)]


@pytest.mark.parametrize("rotations", [1, 2, 4])
def test_nothing_is_lost_when_the_log_is_rotated(log: Path, refusals: KafkaRefusals, rotations: int) -> None:
    add(log, FAILED)
    refusals.poll()
    written = Counter({("unknown", "authentication"): 0})
    for _ in range(rotations):
        add(log, FAILED * 3)
        rotate(log)
        add(log, FAILED)
        written["unknown", "authentication"] += 4
    assert {one[:2]: one[2] for one in refusals.poll()} == dict(written)
    add(log, FAILED)
    assert refusals.poll() == [("unknown", "authentication", 1)]


def test_a_log_that_fell_away_is_not_waited_for(log: Path, refusals: KafkaRefusals) -> None:
    for _ in range(6):
        rotate(log)
        add(log, FAILED)
    assert refusals.poll() == [("unknown", "authentication", 5)]


def test_a_log_that_is_not_there_yet_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "broker.0.log"
    with contextlib.closing(KafkaRefusals(log, lambda: KNOWN)) as refusals:
        assert refusals.poll() == []
        add(log, FAILED)
        assert refusals.poll() == [("unknown", "authentication", 1)]
