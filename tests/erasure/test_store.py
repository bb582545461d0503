"""Destroying in the store: once for each order, in memory too, and not a byte of it left in the file."""

import sqlite3

import pytest

from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.erasing import Papers, forget_pages
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.progress import STORE, Progress
from penstock.ops.store.store_keys import StoreKeys, is_new
from penstock.schemas.erasure import ErasureOrder, Ordered
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.ports import Erasing, SubjectWant

GONE, STAYS = b"person-000000001", b"person-000000002"
AGREEMENTS = ("ee-fi", "ee-stat")


class Store:
    """A store in a file, as two processes have it open."""

    def __init__(self, where):
        self.file = where / "store.db"
        self.engine = open_sqlite(self.file)
        self.kms = FileKms(where / "kek", create=is_new(self.engine))
        self.one, self.other = (SqlKeyStore(self.engine, self.kms) for _ in range(2))
        self.papers = Papers(self.engine, StoreKeys(self.engine, self.kms))

    def raw(self):
        """Everything that lies on disk."""
        return b"".join(path.read_bytes() for path in self.file.parent.glob("store.db*"))

    def rows(self, subject):
        with sqlite3.connect(self.file) as connection:
            return connection.execute("SELECT wrapped FROM subjects WHERE subject = ?", [subject]).fetchall()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def wants(subject):
    return [SubjectWant(subject, f"domain-{one}", one) for one in AGREEMENTS]


def order(offset=4, *subjects, store=0):
    return Ordered(offset, ErasureOrder("case-1", subjects or (GONE,), store, 1))


def test_it_is_gone_for_every_process_and_what_comes_later_is_new(store):
    before = store.one.subject_keys(wants(GONE))
    assert store.other.subject_keys(wants(GONE)) == before
    for one in (store.one, store.other):
        one.erase([order()])
    after = store.one.subject_keys(wants(GONE))
    assert store.other.subject_keys(wants(GONE)) == after
    for want in wants(GONE):
        old, new = before[want], after[want]
        assert all(mine != theirs for mine, theirs in zip(old, new, strict=True))
        assert store.one.open_keys(want.agreement, [old.handle]) == {}


def test_others_keep_what_they_had(store):
    before = store.one.subject_keys(wants(STAYS))
    store.one.subject_keys(wants(GONE))
    store.one.erase([order()])
    assert store.one.subject_keys(wants(STAYS)) == before
    assert SqlKeyStore(store.engine, store.kms).subject_keys(wants(STAYS)) == before


def test_an_order_is_carried_out_once(store):
    """What was made for a later event stays, however often and by whomever the order is read again."""
    store.one.subject_keys(wants(GONE))
    store.one.erase([order()])
    after = store.one.subject_keys(wants(GONE))
    for one in (store.one, store.other, SqlKeyStore(store.engine, store.kms)):
        one.erase([order()])
        assert one.subject_keys(wants(GONE)) == after


def test_what_is_at_hand_is_forgotten_by_who_comes_second(store):
    store.other.subject_keys(wants(GONE))
    store.one.erase([order()])
    assert store.other.at_hand("domain-ee-fi", "ee-fi", [GONE]) != [None]
    store.other.erase([order()])
    assert store.other.at_hand("domain-ee-fi", "ee-fi", [GONE]) == [None]


def test_not_a_byte_of_what_was_wrapped_is_left_on_disk(store):
    store.one.subject_keys(wants(GONE) + wants(STAYS))
    wrapped = [row[0] for row in store.rows(GONE)]
    stays = [row[0] for row in store.rows(STAYS)]
    assert len(wrapped) == len(stays) == 2
    assert all(one in store.raw() for one in wrapped)
    store.one.erase([order()])
    assert forget_pages(store.engine)
    assert not any(one in store.raw() for one in wrapped)
    assert all(one in store.raw() for one in stays)


def test_the_marks_name_what_recipients_know_and_are_dropped(store):
    keys = store.one.subject_keys(wants(GONE))
    store.one.erase([order()])
    marks = store.papers.marks("case-1")
    assert marks["domains"] == ["domain-ee-fi", "domain-ee-stat"]
    for want in wants(GONE):
        assert marks["agreements"][want.agreement] == {
            "pseudonyms": [keys[want].pseudonym],
            "handles": [keys[want].handle.hex()],
        }
    store.papers.drop("case-1")
    assert store.papers.marks("case-1") is None


def test_notices_are_each_members_own(store):
    store.papers.keep_notice("case-1", "fi-tax", {"said": 1})
    store.papers.keep_notice("case-1", "fi-tax", {"said": 2})
    store.papers.keep_notice("case-2", "ee-stat", {"said": 3})
    assert store.papers.cases_for("fi-tax") == ["case-1"]
    assert store.papers.notice("case-1", "fi-tax") == {"said": 2}
    assert store.papers.notice("case-2", "fi-tax") is None
    store.papers.drop("case-1", "fi-tax")
    assert store.papers.cases_for("fi-tax") == []
    assert store.papers.cases_for("ee-stat") == ["case-2"]


def test_a_store_that_is_older_than_an_order_destroys_nothing_and_says_so(store):
    progress = Progress(store.engine)
    assert [progress.step(), progress.step()] == [1, 2]
    before = store.one.subject_keys(wants(GONE))
    with pytest.raises(ConfigurationError, match="older copy") as refused:
        store.one.erase([order(store=3)])
    assert "penstock erasure replay" in refused.value.remedy
    assert SqlKeyStore(store.engine, store.kms).subject_keys(wants(GONE)) == before
    store.one.erase([order(store=2)])
    assert not store.rows(GONE)


def test_progress_never_goes_back(store):
    progress = Progress(store.engine)
    progress.saw(STORE, 5)
    progress.saw(STORE, 4)
    assert progress.held() == {STORE: 5}
    assert progress.step() == 6


def test_the_store_is_one_that_can_erase(store):
    assert isinstance(store.one, Erasing)


def test_without_a_cache_nothing_is_kept_in_memory(store):
    forgetful = SqlKeyStore(store.engine, store.kms, cached=0)
    keys = forgetful.subject_keys(wants(GONE))
    assert forgetful.at_hand("domain-ee-fi", "ee-fi", [GONE]) == [None]
    assert forgetful.subject_keys(wants(GONE)) == keys


def test_a_row_that_is_damaged_is_destroyed_all_the_same(store):
    store.one.subject_keys(wants(GONE))
    with sqlite3.connect(store.file) as connection:
        connection.execute("UPDATE subjects SET wrapped = zeroblob(109) WHERE domain = 'domain-ee-fi'")
    store.one.erase([order()])
    assert store.rows(GONE) == []
    assert store.papers.marks("case-1")["domains"] == ["domain-ee-stat"]
