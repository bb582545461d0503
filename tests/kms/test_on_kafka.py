"""Under load: a provider's KMS that is away for five seconds, and keys that are rotated."""

import threading

import pytest
from lane_line import BULK, PARTITIONS
from transit_server import TOKEN, TransitServer

from penstock.ops.kms.patient import PatientKms
from penstock.ops.kms.transit import TransitKms, transit_client
from penstock.ops.store import key_ring, rotation
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.schemas.encrypted import sealed_from
from penstock.schemas.ports import SubjectWant

OUTAGE_S = 5
PROTECTED = {**BULK, "person": {"do": "encrypt"}}
"""An encrypted field about a data subject, and one about nobody."""


class Keys:
    """The key stores of two providers over one SQL store: `ee` has its KEK in the double of Vault, `fi` in a file."""

    def __init__(self, where, server):
        self._where, self._server = where, server

    def kms_of(self, member):
        if member != "ee":
            return FileKms(self._where / f"kek-{member}", create=True)
        client = transit_client(self._server.url, TOKEN, namespace=None, verify=True, cert=None)
        return PatientKms(TransitKms(client, "ee", "transit", "the KMS of ee"), deadline_s=0.5)

    def of(self, owner):
        engine = open_sqlite(self._where / "store.db")
        return SqlKeyStore(engine, self.kms_of, owner, max_age_s=1, store_key_s=1.5)


@pytest.fixture
def keys(tmp_path):
    with TransitServer() as server:
        server.make("ee")
        found = Keys(tmp_path, server)
        found.server = server
        yield found


def fed_by(line):
    """Feed a line beside the test until the returned event is set."""
    ended = threading.Event()

    def feed():
        while not ended.is_set():
            line.feed(0.2, 200)

    thread = threading.Thread(target=feed)
    thread.start()
    return lambda: (ended.set(), thread.join())


def test_a_kms_that_is_away_parks_the_agreements_that_need_it_and_no_others(line_of, keys, wait_until):
    line = line_of(count=2)
    guarded, plain = line.agreements
    line.changes[guarded]["safeguards"] = PROTECTED
    line.apply()
    working, theirs = line.start(keys=keys.of("ee")), keys.of("fi")
    line.publish(50)
    wait_until(lambda: line.whole(guarded) and line.whole(plain), 60)
    stop = fed_by(line)
    keys.server.stop()
    try:
        wait_until(lambda: {place[0] for place in working.behind()} == {guarded}, 60)
        assert set(working.behind().values()) == {("parked", "key_unavailable")}
        threading.Event().wait(OUTAGE_S)
        assert theirs.subject_keys([SubjectWant(b"new", "fi-x", "fi-x")]), "another provider's keys are made"
    finally:
        stop()
    wait_until(lambda: line.whole(plain), 60)
    assert len(line.seen(guarded)) < sum(line.given.values())
    keys.server.start()
    wait_until(lambda: line.whole(guarded), 90)
    wait_until(lambda: working.behind() == {})
    assert [line.cover(one) for one in (guarded, plain)] == [line.owed()] * 2
    assert working.failure is None
    every = {sealed_from(one.value[field]).handle for one in line.seen(guarded) for field in ("person", "amount")}
    assert keys.of("ee").open_keys(guarded, every).keys() == every


def handles(line, agreement):
    """The handles under which each partition's newest record is encrypted."""
    return {
        record.partition: {sealed_from(record.value[field]).handle for field in ("person", "amount")}
        for record in line.seen(agreement)
    }


def test_rotation_under_load_reaches_every_partition_and_fails_nothing(line_of, keys, wait_until):
    line = line_of(count=1)
    (agreement,) = line.agreements
    line.changes[agreement]["safeguards"] = PROTECTED
    line.apply()
    store = keys.of("ee")
    working = line.start(keys=store)
    stop = fed_by(line)
    try:
        wait_until(lambda: len(handles(line, agreement)) == PARTITIONS, 60)
        old = handles(line, agreement)
        desk = keys.of("ee")
        assert rotation.rotate_data_keys(desk._engine, "ee") == 2
        assert desk.store_keys.ring("ee").rotate() == key_ring.COUNT
        keys.kms_of("ee").rotate()
        desk.store_keys.ring("ee").rewrap(lambda *_: None)
        wait_until(lambda: all(not handles(line, agreement)[one] & old[one] for one in range(PARTITIONS)), 60)
    finally:
        stop()
    wait_until(lambda: line.whole(agreement), 60)
    assert working.behind() == {}
    assert working.failure is None
    every = {sealed_from(one.value[field]).handle for one in line.seen(agreement) for field in ("person", "amount")}
    assert store.open_keys(agreement, every).keys() == every, "old and new"
