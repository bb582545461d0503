"""New KEKs, store keys and data keys: used from then on, and what is old stays readable, whoever is interrupted."""

import json
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock.ops.cli.app import app
from penstock.ops.store import rewrap as rewraps
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.rewrap import rewrap, rows_by_key, waiting
from penstock.ops.store.rotation import LOOK_S, rotate_data_keys
from penstock.ops.store.store_keys import is_new
from penstock.processors.quarantine import QuarantineSealer
from penstock.schemas.errors import KeyUnavailableError
from penstock.schemas.ports import SubjectWant

BASE = Path(__file__).parents[1] / "documents" / "base"
PEOPLE = 450


@pytest.fixture
def where(tmp_path):
    return tmp_path


def store_in(where, **options):
    engine = open_sqlite(where / "store.db")
    return SqlKeyStore(engine, FileKms(where / "kek", create=is_new(engine)), **options)


def want(person, agreement="a", domain="d"):
    return SubjectWant(b"person-%d" % person, domain, agreement)


@pytest.fixture
def clock(monkeypatch):
    passed, real = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])
    return passed


def opened(where, agreement, keys):
    return store_in(where).open_keys(agreement, [key.handle for key in keys])


# --- data keys --------------------------------------------------------------------------------------------------------


def test_new_data_keys_count_everywhere_and_old_data_stays_readable(where, clock):
    worker, other = store_in(where), store_in(where)
    wants = [want(person, agreement) for person in range(20) for agreement in ("a", "b")]
    old = worker.subject_keys(wants)
    assert rotate_data_keys(worker._engine, "") == 2
    assert worker.subject_keys(wants) == old, "until it is looked"
    clock[0] = LOOK_S + 1
    new = worker.subject_keys(wants)
    assert other.subject_keys(wants) == new
    assert other.at_hand("d", "a", [b"person-1"])[0].startswith(new[want(1)].handle)
    for one in wants:
        assert new[one].pseudonym == old[one].pseudonym
        assert new[one].rekey == old[one].rekey
    every = {key.key for keys in (old, new) for key in keys.values()}
    assert len(every) == 2 * len(wants)
    for agreement in ("a", "b"):
        keys = [keys[one] for keys in (old, new) for one in wants if one.agreement == agreement]
        assert opened(where, agreement, keys) == {key.handle: key.key for key in keys}


def test_workers_that_rotate_a_person_at_once_have_the_same_key(where, clock):
    one, other = store_in(where), store_in(where)
    one.subject_keys([want(1)])
    rotate_data_keys(one._engine, "")
    clock[0] = LOOK_S + 1
    read = other._read

    def first(connection, people):
        found = read(connection, people)
        if not made:
            made.update(one.subject_keys([want(1)]))  # between the other's look and its writing
        return found

    made, other._read = {}, first
    assert other.subject_keys([want(1)]) == made


def test_a_new_person_after_rotations_has_every_version(where, clock):
    store = store_in(where)
    rotate_data_keys(store._engine, "")
    rotate_data_keys(store._engine, "")
    clock[0] = LOOK_S + 1
    key = store.subject_keys([want(1)])[want(1)]
    assert store.data_key_version() == 3
    assert opened(where, "a", [key]) == {key.handle: key.key}


def test_keys_of_data_about_nobody_are_new_as_well(where, clock):
    store = store_in(where)
    sealer = QuarantineSealer(store, "d", "w", bytes)
    first = sealer._bulk_key(1)
    assert sealer._bulk_key(1) is first
    rotate_data_keys(store._engine, "")
    clock[0] = LOOK_S + 1
    assert sealer._bulk_key(1).key != first.key


def test_an_erased_person_has_no_key_of_any_version(where, clock):
    store = store_in(where)
    keys = [store.subject_keys([want(1)])[want(1)]]
    rotate_data_keys(store._engine, "")
    clock[0] = LOOK_S + 1
    keys.append(store.subject_keys([want(1)])[want(1)])
    with sqlite3.connect(where / "store.db") as connection:
        connection.execute("DELETE FROM subjects")
    connection.close()
    assert opened(where, "a", keys) == {}


# --- store keys -------------------------------------------------------------------------------------------------------


def everything(where, store):
    """Wrap something of each kind; return what opens it again."""
    keys = list(store.subject_keys([want(person) for person in range(PEOPLE)]).values())
    handle, bulk = store.bulk_key("a", "w")
    expected = {key.handle: key.key for key in keys} | {handle: bulk}
    secret = store.noise_secret("d", "2026-01")
    return lambda: (
        store_in(where).open_keys("a", list(expected)) == expected
        and store_in(where).noise_secret("d", "2026-01") == secret
    )


def test_retired_store_keys_wrap_nothing_new_and_rewrapping_empties_them(where, clock):
    store = store_in(where)
    all_open = everything(where, store)
    assert store.store_keys.ring("").rotate() == 4
    assert all_open()
    clock[0] = LOOK_S + 1
    number, _ = store.store_keys.wrap(b"x", b"y")
    assert number in {5, 6, 7, 8}
    told = []
    total = waiting(store._engine)
    assert total == PEOPLE + 2
    assert rewrap(store._engine, store.store_keys, lambda done, of: told.append((done, of))) == total
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert told == sorted(told)
    assert set(rows_by_key(store._engine)) == {5, 6, 7, 8}
    assert all_open()


def test_rewrapping_that_is_interrupted_goes_on(where, clock):
    store = store_in(where)
    all_open = everything(where, store)
    store.store_keys.ring("").rotate()
    clock[0] = LOOK_S + 1

    def interrupt(done, _):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrap(store._engine, store.store_keys, interrupt)
    left = waiting(store._engine)
    assert 0 < left < PEOPLE
    assert all_open()
    assert rewrap(store._engine, store.store_keys, lambda *_: None) == left
    assert waiting(store._engine) == 0
    assert all_open()


def test_a_person_erased_meanwhile_does_not_come_back(where, clock, monkeypatch):
    store = store_in(where)
    store.subject_keys([want(1), want(2)])
    store.store_keys.ring("").rotate()
    clock[0] = LOOK_S + 1
    again = rewraps._again

    def erasing(keys, table, row):
        if row._mapping.get("subject") == b"person-1":
            with sqlite3.connect(where / "store.db") as connection:
                connection.execute("DELETE FROM subjects WHERE subject = ?", (b"person-1",))
            connection.close()
        return again(keys, table, row)

    monkeypatch.setattr(rewraps, "_again", erasing)
    rewrap(store._engine, store.store_keys, lambda *_: None)
    with sqlite3.connect(where / "store.db") as connection:
        assert connection.execute("SELECT subject FROM subjects").fetchall() == [(b"person-2",)]
    connection.close()


def test_a_damaged_row_stops_rewrapping_and_is_left_as_it_was(where, clock):
    store = store_in(where)
    store.subject_keys([want(1)])
    with sqlite3.connect(where / "store.db") as connection:
        connection.execute("UPDATE subjects SET wrapped = substr(wrapped, 1, 50)")
        connection.commit()
        before = connection.execute("SELECT * FROM subjects").fetchall()
    connection.close()
    store.store_keys.ring("").rotate()
    clock[0] = LOOK_S + 1
    with pytest.raises(KeyUnavailableError, match="damaged"):
        rewrap(store._engine, store.store_keys, lambda *_: None)
    with sqlite3.connect(where / "store.db") as connection:
        assert connection.execute("SELECT * FROM subjects").fetchall() == before
    connection.close()


# --- the KEK, and the command -----------------------------------------------------------------------------------------


@pytest.fixture
def ecosystem(tmp_path):
    root = tmp_path / "ecosystem"
    shutil.copytree(BASE, root)
    with (root / "ecosystem.yaml").open("a") as file:
        file.write("kms:\n  members:\n    city: {kind: file}\n")
    return root


def penstock(*words):
    done = CliRunner().invoke(app, [*map(str, words)])
    assert done.exit_code == 0, f"{done.output}{done.exception!r}"
    return done


def wrapped(root):
    with sqlite3.connect(root / ".penstock" / "store.db") as connection:
        found = dict(connection.execute("SELECT id, wrapped FROM store_keys").fetchall())
    connection.close()
    return found


def test_a_new_kek_wraps_its_owners_store_keys_only(ecosystem):
    for member in ("", "city"):
        penstock("keys", "rotate", "store-keys", "--in", ecosystem, *(["--member", member] if member else []))
    before = wrapped(ecosystem)
    said = penstock("keys", "rotate", "kek", "--member", "city", "--in", ecosystem, "--json")
    assert json.loads(said.stdout.splitlines()[-1]) == {"rotated": "kek", "owner": "city", "rewrapped": 8}
    rows = json.loads(penstock("keys", "show", "--json", "--in", ecosystem).stdout)
    changed = {number for number, blob in wrapped(ecosystem).items() if blob != before[number]}
    assert changed == {row["store_key"] for row in rows if row["owner"] == "city"}
    assert len(changed) == 8
    newest = (ecosystem / ".penstock" / "kek-city").read_bytes()
    assert len(newest) == 64
    (ecosystem / ".penstock" / "kek-city").write_bytes(newest[32:])  # the old version is needed no more
    penstock("keys", "rewrap", "--in", ecosystem)


def test_the_command_shows_rotates_and_rewraps(ecosystem):
    said = penstock("keys", "rotate", "data-keys", "--in", ecosystem, "--json")
    assert json.loads(said.stdout) == {"rotated": "data-keys", "owner": "ecosystem", "version": 2}
    penstock("keys", "rotate", "store-keys", "--in", ecosystem)
    rows = json.loads(penstock("keys", "show", "--json", "--in", ecosystem).stdout)
    assert [row["state"] for row in rows] == ["retired"] * 4 + ["in use"] * 4
    assert {row["data_keys"] for row in rows} == {2}
    assert "wraps" in penstock("keys", "show", "--in", ecosystem).stdout
    said = penstock("keys", "rewrap", "--json", "--in", ecosystem)
    assert json.loads(said.stdout.splitlines()[-1]) == {"store_keys": 8, "rows": 0}


def test_a_member_without_a_kms_of_its_own_is_refused(ecosystem):
    done = CliRunner().invoke(app, ["keys", "rotate", "kek", "--member", "lab", "--in", str(ecosystem)])
    assert done.exit_code != 0
    assert "no KMS of `lab`" in str(done.exception)
