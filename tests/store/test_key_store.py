"""The key store over SQL: the same keys for everybody, durable, deletable, no new key in place of a lost one."""

import itertools
import json
import secrets as randomness
import sqlite3
import subprocess
import sys
import time

import pytest
from sqlalchemy import event

from penstock.ops.store import engine as engines
from penstock.ops.store import store_keys as store_key_module
from penstock.ops.store.engine import open_sqlite, open_url
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.store_keys import is_new
from penstock.processors.keys import agreement_key
from penstock.schemas.errors import ConfigurationError, KeyUnavailableError, UnavailableError
from penstock.schemas.ports import SubjectWant


@pytest.fixture
def where(tmp_path):
    return tmp_path


def store_in(where, **options):
    engine = open_sqlite(where / "store.db")
    return SqlKeyStore(engine, FileKms(where / "kek", create=is_new(engine)), **options)


def want(person, agreement="ee-fi", domain=None):
    return SubjectWant(f"person-{person:09}".encode(), domain or agreement, agreement)


def sql(where, statement, *values):
    with sqlite3.connect(where / "store.db") as connection:
        found = connection.execute(statement, values).fetchall()
    connection.close()
    return found


# --- what the port promises -------------------------------------------------------------------------------------------


def test_missing_keys_are_made_and_stay(where):
    wants = [want(person) for person in range(1000)]
    made = store_in(where).subject_keys(wants)
    assert made.keys() == set(wants)
    assert store_in(where).subject_keys(wants) == made
    assert len({key.key for key in made.values()}) == len({key.handle for key in made.values()}) == 1000
    assert {len(key.handle) for key in made.values()} == {8}
    assert {len(key.key) for key in made.values()} == {len(key.rekey) for key in made.values()} == {32}
    assert {len(key.pseudonym) for key in made.values()} == {26}


def test_inside_a_domain_a_person_joins_and_across_domains_not(where):
    store = store_in(where)
    one, two, apart = want(1, "a", "d"), want(1, "b", "d"), want(1, "c")
    found = store.subject_keys([one, two, apart])
    assert found[one].pseudonym == found[two].pseudonym != found[apart].pseudonym
    assert found[one].rekey == found[two].rekey != found[apart].rekey
    assert len({key.key for key in found.values()}) == len({key.handle for key in found.values()}) == 3


def test_one_call_is_one_sql_transaction(where):
    store = store_in(where)
    commits = []
    event.listen(store._engine, "commit", lambda _: commits.append(1))
    store.subject_keys([want(person, agreement) for person in range(50) for agreement in ("a", "b", "c")])
    written = len(commits)
    store.subject_keys([want(person, agreement) for person in range(50) for agreement in ("a", "b", "c")])
    assert written <= 2, "one to look, one to write"
    assert len(commits) == written, "what is cached costs no transaction"


def test_every_agreement_opens_its_own_handles_only(where):
    """N x N: agreement i asking for keys of agreement j gets nothing, and cannot tell why."""
    store = store_in(where)
    names = [f"agreement-{number}" for number in range(5)]
    keys = store.subject_keys([want(1, name, "shared") for name in names])
    bulk = {name: store.bulk_key(name, "worker") for name in names}
    for mine, theirs in itertools.product(names, names):
        subject, (handle, key) = keys[want(1, theirs, "shared")], bulk[theirs]
        expected = {subject.handle: subject.key, handle: key} if mine == theirs else {}
        assert store.open_keys(mine, [subject.handle, handle, b"unknown!"]) == expected


def test_many_handles_are_opened_at_once(where):
    store = store_in(where)
    keys = store.subject_keys([want(person) for person in range(1500)])
    assert store_in(where).open_keys("ee-fi", [key.handle for key in keys.values()]) == {
        key.handle: key.key for key in keys.values()
    }


def test_bulk_keys_are_never_handed_out_twice(where):
    store = store_in(where)
    given = [store.bulk_key("ee-fi", "worker-1") for _ in range(20)]
    assert len({handle for handle, _ in given}) == len({key for _, key in given}) == 20
    assert store_in(where).open_keys("ee-fi", [handle for handle, _ in given]) == dict(given)


def test_secrets_are_the_same_for_every_caller(where):
    one, other = store_in(where), store_in(where)
    names = [("income", "2026-11"), ("income", "2026-12"), ("wages", "2026-11")]
    found = [one.noise_secret(*name) for name in names]
    assert [other.noise_secret(*name) for name in names] == found
    assert one.reference_secret() == other.reference_secret()
    assert len({*found, one.reference_secret()}) == 4
    assert {len(secret) for secret in found} == {32}


def test_the_agreements_key_is_derived_from_what_is_stored(where):
    """Issue E rotates and rewraps by this derivation; the golden values are in tests/golden/derivations.json."""
    store, one = store_in(where), want(7)
    key = store.subject_keys([one])[one].key
    with engines.reading(store._engine) as connection:
        material = store._read(connection, {(one.subject, one.domain)})[one.subject, one.domain]
    assert key == agreement_key(material.dek(1), "ee-fi")


# --- several processes ------------------------------------------------------------------------------------------------


RACER = """
import json, sys
from pathlib import Path
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.store_keys import is_new
from penstock.schemas.ports import SubjectWant
where, start, stop, step = Path(sys.argv[1]), *map(int, sys.argv[2:])
wants = [SubjectWant(b"%09d" % person, "d", name) for person in range(start, stop, step) for name in ("a", "b")]
sys.stdin.readline()
engine = open_sqlite(where / "store.db")
store = SqlKeyStore(engine, FileKms(where / "kek", create=is_new(engine)))
found = store.subject_keys(wants)
said = {one: [key.handle.hex(), key.key.hex(), key.pseudonym] for one, key in found.items()}
keys = {f"{one.subject} {one.agreement}": key for one, key in said.items()}
print(json.dumps([keys, store.reference_secret().hex(), store.noise_secret("income", "2026-11").hex()]))
"""


def test_racing_processes_end_up_with_the_same_keys(where):
    """Four processes open a store that does not exist yet and ask for overlapping people in different orders."""
    orders = ["0 200 1", "199 -1 -1", "100 300 1", "50 250 1"]
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, where, *order.split()], stdin=-1, stdout=-1, text=True)
        for order in orders
    ]
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [json.loads(racer.communicate(timeout=120)[0]) for racer in racers]
    whole = {}
    for found, *_ in answers:
        for person, key in found.items():
            assert whole.setdefault(person, key) == key
    assert len(whole) == 600
    assert len({handle for handle, *_ in whole.values()}) == 600
    assert len({(reference, noise) for _, reference, noise in answers}) == 1


def test_reading_does_not_wait_for_a_writer(where):
    store = store_in(where)
    keys = store.subject_keys([want(1)])
    other = store_in(where)
    with engines.writing(store._engine):
        began = time.monotonic()
        assert other.subject_keys([want(1)]) == keys
        assert other.open_keys("ee-fi", [keys[want(1)].handle])
        assert time.monotonic() - began < 2


def test_a_store_that_stays_locked_is_unavailable(where, monkeypatch):
    monkeypatch.setattr(engines, "BUSY_S", 0.2)
    holder, store = store_in(where), store_in(where)
    with engines.writing(holder._engine), pytest.raises(UnavailableError, match="locked") as caught:
        store.subject_keys([want(1)])
    assert caught.value.remedy
    assert str(where) in caught.value.place


# --- memory and time --------------------------------------------------------------------------------------------------


def test_erased_keys_leave_the_memory_by_age(where, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    store = store_in(where, max_age_s=300)
    before = store.subject_keys([want(1)])[want(1)]
    sql(where, "DELETE FROM subjects")
    sql(where, "DELETE FROM handles")
    assert store.subject_keys([want(1)])[want(1)] == before
    clock[0] += 301
    after = store.subject_keys([want(1)])[want(1)]
    assert {before.key, before.pseudonym, before.handle}.isdisjoint({after.key, after.pseudonym, after.handle})
    assert store.open_keys("ee-fi", [before.handle]) == {}


def test_the_memory_holds_no_more_than_its_limit(where):
    store = store_in(where, cached=10)
    store.subject_keys([want(person) for person in range(100)])
    assert 0 < len(store._warm) <= 10


def test_old_keys_are_dropped_not_only_ignored(where, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    store = store_in(where)
    store.subject_keys([want(1)])
    clock[0] += 301
    store.subject_keys([want(2)])
    assert len(store._warm) == 1


def test_store_keys_are_unwrapped_again_after_their_time(where, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    store = store_in(where)
    store.subject_keys([want(1)])
    (where / "kek").unlink()
    FileKms(where / "kek", create=True)
    store.subject_keys([want(2)])
    clock[0] += store_key_module.MAX_AGE_S + 1
    with pytest.raises(KeyUnavailableError, match="KEK"):
        store.subject_keys([want(3)])


# --- damage -----------------------------------------------------------------------------------------------------------


def test_nothing_is_stored_in_the_clear(where):
    store = store_in(where)
    key = store.subject_keys([want(1)])[want(1)]
    handle, bulk = store.bulk_key("ee-fi", "w")
    noise = store.noise_secret("income", "2026-11")
    kek = (where / "kek").read_bytes()
    store._engine.dispose()
    raw = b"".join(path.read_bytes() for path in where.iterdir() if path.name != "kek")
    assert handle in raw
    for secret in (key.key, key.rekey, key.pseudonym.encode(), bulk, noise, store.reference_secret(), kek):
        assert secret not in raw


def test_another_kek_opens_nothing_and_makes_nothing(where):
    store_in(where).subject_keys([want(1)])
    (where / "kek").unlink()
    (where / "kek").write_bytes(randomness.token_bytes(32))
    (where / "kek").chmod(0o600)
    count = sql(where, "SELECT count(*) FROM subjects")
    with pytest.raises(KeyUnavailableError) as caught:
        store_in(where).subject_keys([want(2)])
    assert "KEK" in str(caught.value)
    assert "restore" in caught.value.remedy
    assert sql(where, "SELECT count(*) FROM subjects") == count


def test_a_lost_kek_is_not_replaced(where):
    store_in(where)
    (where / "kek").unlink()
    with pytest.raises(UnavailableError, match="cannot be read") as caught:
        store_in(where)
    assert "restore" in caught.value.remedy
    assert not (where / "kek").exists()


@pytest.mark.parametrize("statement", [
    "UPDATE subjects SET wrapped = cast(substr(wrapped, 1, length(wrapped) - 1) || 'x' AS blob)",
    "UPDATE subjects SET wrapped = x''",
    "UPDATE subjects SET wrapped = (SELECT wrapped FROM subjects AS other WHERE other.rowid <> subjects.rowid)",
    "UPDATE subjects SET domain = 'ee-fi', subject = cast('person-000000002' AS blob) WHERE domain = 'other'",
    "UPDATE subjects SET store_key = store_key % 4 + 1",
    "UPDATE subjects SET store_key = 99",
])  # fmt: skip
def test_a_damaged_or_moved_row_is_an_error_and_no_new_key(where, statement):
    store_in(where).subject_keys([want(1), want(2, "other")])
    before = sql(where, "SELECT count(*) FROM subjects")
    sql(where, statement)
    with pytest.raises(KeyUnavailableError) as caught:
        store_in(where).subject_keys([want(1), want(2), want(2, "other")])
    assert "restore" in caught.value.remedy
    assert sql(where, "SELECT count(*) FROM subjects") == before


@pytest.mark.parametrize("table", ["subjects", "secrets", "handles"])
def test_lost_store_keys_are_not_replaced_while_anything_is_wrapped_by_them(where, table):
    store = store_in(where)
    {"subjects": lambda: store.subject_keys([want(1)]), "secrets": store.reference_secret,
     "handles": lambda: store.bulk_key("ee-fi", "w")}[table]()  # fmt: skip
    sql(where, "DELETE FROM store_keys")
    with pytest.raises(KeyUnavailableError, match="store keys are gone") as caught:
        store_in(where)
    assert "restore" in caught.value.remedy
    assert sql(where, "SELECT count(*) FROM store_keys") == [(0,)]


def test_a_damaged_secret_is_an_error_and_no_new_secret(where):
    store_in(where).reference_secret()
    sql(where, "UPDATE secrets SET wrapped = substr(wrapped, 1, 20)")
    with pytest.raises(KeyUnavailableError):
        store_in(where).reference_secret()


def test_a_file_that_is_no_store_is_a_clear_error(where):
    (where / "store.db").write_bytes(b"this is not a database, it is a text" * 100)
    with pytest.raises(ConfigurationError) as caught:
        store_in(where)
    assert str(where / "store.db") in str(caught.value)
    assert "restore" in caught.value.remedy


def test_a_store_of_a_newer_penstock_is_refused(where):
    store_in(where)
    sql(where, "INSERT INTO penstock_version VALUES (999)")
    with pytest.raises(ConfigurationError, match="newer Penstock"):
        store_in(where)


def test_a_store_that_cannot_be_made_says_where(tmp_path):
    with pytest.raises(ConfigurationError, match="no/such/place"):
        open_sqlite(tmp_path / "no/such/place/store.db")


def test_the_store_is_readable_by_its_owner_only_and_every_commit_is_on_disk(where):
    store = store_in(where)
    store.subject_keys([want(1)])
    assert {path.stat().st_mode & 0o077 for path in where.iterdir()} == {0}
    with engines.reading(store._engine) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL"


def test_no_error_of_the_store_holds_a_value(where, monkeypatch):
    """A driver's message quotes statements with their parameters; ours may not."""
    monkeypatch.setattr(engines, "BUSY_S", 0.1)
    holder, store = store_in(where), store_in(where)
    with engines.writing(holder._engine), pytest.raises(UnavailableError) as caught:
        store.subject_keys([want(123)])
    error = caught.value
    assert "person-" not in f"{error}{error!r}{error.__cause__!r}"


def test_postgresql_keeps_the_same_promises(where, postgresql_url):
    engine, another = open_url(postgresql_url), open_url(postgresql_url)
    store = SqlKeyStore(engine, FileKms(where / "kek", create=is_new(engine)))
    wants = [want(person, agreement, "d") for person in range(1000) for agreement in ("a", "b")]
    made = store.subject_keys(wants)
    again = SqlKeyStore(another, FileKms(where / "kek", create=False))
    assert again.subject_keys(wants) == made
    handles = [key.handle for key in made.values()]
    opened = {**again.open_keys("a", handles), **again.open_keys("b", handles)}
    assert opened == {key.handle: key.key for key in made.values()}
    engine.dispose()
    another.dispose()
