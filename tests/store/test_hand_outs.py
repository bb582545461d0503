"""The record of hand-outs: a minute a row, added up by any number of processes, in both databases."""

import threading

import pytest
from sqlalchemy import Engine

from penstock.ops.store.engine import open_sqlite, open_url
from penstock.ops.store.hand_outs import HandOut, HandOutStore

AT = 1_790_000_040_000
"""The first millisecond of a minute."""


def engine_of(kind, tmp_path, request) -> Engine:
    if kind == "sqlite":
        return open_sqlite(tmp_path / "store.db")
    return open_url(request.getfixturevalue("postgresql_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    made = engine_of(request.param, tmp_path, request)
    yield made
    made.dispose()


def given(keys, at_ms, agreement="ee-fi", sealing_key="2026"):
    return HandOut(agreement, "fi", sealing_key, 1, keys + 1, keys, at_ms, at_ms)


def test_a_minute_is_added_up_and_the_next_is_a_row_of_its_own(engine):
    store = HandOutStore(engine)
    for keys, at_ms in ((5, AT), (7, AT + 59_999), (1, AT + 60_000)):
        store.record(given(keys, at_ms))
    store.record(given(9, AT, sealing_key=""))
    store.record(given(3, AT, agreement="ee-se"))
    assert store.recorded("ee-fi") == [
        HandOut("ee-fi", "fi", "2026", 1, 2, 1, AT + 60_000, AT + 60_000),
        *sorted(
            [
                HandOut("ee-fi", "fi", "", 1, 10, 9, AT, AT),
                HandOut("ee-fi", "fi", "2026", 2, 14, 12, AT, AT + 59_999),
            ],
            key=lambda one: one.sealing_key,
        ),
    ]
    assert len(store.recorded()) == 4
    assert store.recorded("nobodys") == []


def test_nothing_is_lost_between_two_that_record_at_once(engine):
    def recording(store):
        for _ in range(25):
            store.record(given(4, AT, agreement="at-once"))

    threads = [threading.Thread(target=recording, args=(HandOutStore(engine),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = HandOutStore(engine).recorded("at-once")
    assert (row.messages, row.asked, row.given) == (100, 500, 400)
