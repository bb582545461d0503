"""Each member's keys under its own KMS: one that is away stops nobody else, and what is in memory goes on a while."""

import time

import pytest

from penstock.ops.store import key_ring
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.erasing import Papers
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.rotation import rotate_data_keys
from penstock.ops.store.store_keys import StoreKeys
from penstock.schemas.erasure import ErasureOrder, Ordered
from penstock.schemas.errors import AgreementKeyError, KeyUnavailableError, OwnerKeysError, UnavailableError
from penstock.schemas.ports import SubjectWant

LIMIT_S = 100.0


class Owned:
    """Three KEKs over one store: the ecosystem's, and those of `ee` and `fi`, which can be away or refuse."""

    def __init__(self, where):
        self.where, self.fault, self.asked = where, {}, []

    def kms_of(self, member):
        self.asked.append(member)
        if member in self.fault:
            raise self.fault[member]
        return FileKms(self.where / f"kek-{member}", create=True)

    def store(self, owner):
        return SqlKeyStore(open_sqlite(self.where / "store.db"), self.kms_of, owner, max_age_s=1, store_key_s=LIMIT_S)


@pytest.fixture
def owned(tmp_path):
    return Owned(tmp_path)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test adds; what is asked beside the work is asked within it."""
    passed, real = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])
    monkeypatch.setattr(key_ring.KeyRing, "_open_beside", key_ring.KeyRing._open)
    return passed


def want(person, agreement, domain=""):
    return SubjectWant(b"p%d" % person, domain or agreement, agreement)


AWAY = UnavailableError("it does not answer", place="https://vault.ee")


def test_a_members_keys_take_its_own_kms_and_no_other(owned):
    for owner in ("ee", "fi"):
        owned.store(owner).subject_keys([want(1, f"{owner}-x")])
    owned.fault = {"fi": AWAY}
    ee, fi = owned.store("ee"), owned.store("fi")
    assert ee.subject_keys([want(1, "ee-x"), want(2, "ee-x")])
    assert ee.reference_secret() == fi.reference_secret(), "that is the ecosystem's"
    with pytest.raises(AgreementKeyError) as caught:
        fi.subject_keys([want(1, "fi-x")])
    assert caught.value.agreements == ("fi-x",)
    assert "KMS of fi" in str(caught.value)
    for ask in (lambda: fi.bulk_key("fi-x", "w"), lambda: fi.noise_secret("d", "2026-01")):
        with pytest.raises(OwnerKeysError):
            ask()


def test_only_the_agreements_that_need_the_absent_kms_lack_keys(owned):
    owned.store("fi").subject_keys([want(1, "fi-x", "shared")])
    owned.fault = {"fi": AWAY}
    ee = owned.store("ee")
    with pytest.raises(AgreementKeyError) as caught:
        ee.subject_keys([want(1, "ee-own"), want(1, "ee-joins", "shared"), want(9, "ee-other")])
    assert caught.value.agreements == ("ee-joins",)
    owned.fault = {"fi": AWAY, "ee": AWAY}
    assert len(ee.subject_keys([want(1, "ee-own"), want(9, "ee-other")])) == 2


def test_what_was_opened_goes_on_to_its_limit_then_stops_then_comes_back_by_itself(owned, clock):
    store = owned.store("ee")
    store.subject_keys([want(1, "a")])
    owned.fault = {"ee": AWAY}
    for person, passed in enumerate((10, 60, 99), start=2):
        clock[0] = passed
        assert store.subject_keys([want(person, "a")]), f"after {passed} s"
    clock[0] = LIMIT_S + 5
    with pytest.raises(AgreementKeyError):
        store.subject_keys([want(1, "a")])
    owned.fault = {}
    clock[0] += key_ring.PAUSE_S + 1
    assert len(store.subject_keys([want(1, "a"), want(7, "a")])) == 2


def test_a_kms_that_is_known_to_be_away_is_not_waited_for(owned, clock):
    store = owned.store("ee")
    store.subject_keys([want(1, "a")])
    owned.fault = {"ee": AWAY}
    clock[0] = LIMIT_S + 5
    for _ in range(2):
        with pytest.raises(AgreementKeyError):
            store.subject_keys([want(1, "a")])
    ring = store.store_keys.ring("ee")
    asked, ring._open_beside = [], lambda: asked.append(1)
    before = len(owned.asked)
    with pytest.raises(AgreementKeyError):
        store.subject_keys([want(1, "a")])
    assert (asked, len(owned.asked)) == ([1] * len(asked), before)
    assert asked


def test_a_refusal_is_as_good_as_an_outage_and_makes_no_new_keys(owned, clock):
    """A KEK that was disabled or deleted: what lies under it waits, and is never replaced."""
    store = owned.store("ee")
    made = store.subject_keys([want(1, "a")])
    owned.fault = {"ee": KeyUnavailableError("there is no such key", remedy="restore it")}
    clock[0] = LIMIT_S + 5
    with pytest.raises(AgreementKeyError, match="no such key") as caught:
        store.subject_keys([want(1, "a"), want(2, "a")])
    assert caught.value.remedy == "restore it"
    owned.fault = {}
    clock[0] += key_ring.PAUSE_S + 1
    assert store.subject_keys([want(1, "a")]) == made


def test_another_kek_in_its_place_opens_nothing(owned):
    owned.store("ee").subject_keys([want(1, "a")])
    (owned.where / "kek-ee").unlink()
    with pytest.raises(AgreementKeyError, match="the KEK does not open this store"):
        owned.store("ee").subject_keys([want(1, "a"), want(2, "a")])


def test_workers_that_begin_at_once_have_the_same_store_keys(owned):
    one, other, third = owned.store("ee"), owned.store("ee"), owned.store("fi")
    for store, agreement in ((one, "a"), (third, "f"), (other, "a")):
        store.subject_keys([want(1, agreement)])
    assert one.store_keys.ring("ee").active() == other.store_keys.ring("ee").active()
    assert len(one.store_keys.ring("ee").active()) == key_ring.COUNT
    assert not one.store_keys.ring("ee").active().keys() & third.store_keys.ring("fi").active().keys()


def order(*people):
    return Ordered(4, ErasureOrder("case-1", tuple(b"p%d" % one for one in people), 0, 1))


def test_what_a_recipient_knew_a_person_by_is_kept_whatever_the_version_of_its_keys(owned):
    before = owned.store("ee").subject_keys([want(1, "ee-x")])[want(1, "ee-x")]
    rotate_data_keys(open_sqlite(owned.where / "store.db"), "ee")
    store = owned.store("ee")
    after = store.subject_keys([want(1, "ee-x")])[want(1, "ee-x")]
    assert after.pseudonym == before.pseudonym
    assert after.handle != before.handle
    store.erase([order(1)])
    said = Papers(open_sqlite(owned.where / "store.db"), StoreKeys(open_sqlite(owned.where / "store.db"), owned.kms_of))
    marks = said.marks("case-1")["agreements"]["ee-x"]
    assert marks["pseudonyms"] == [before.pseudonym]
    assert set(marks["handles"]) == {before.handle.hex(), after.handle.hex()}
    new = store.subject_keys([want(1, "ee-x")])[want(1, "ee-x")]
    assert new.pseudonym != before.pseudonym
    assert new.key not in {before.key, after.key}
    assert store.open_keys("ee-x", [before.handle, after.handle]) == {}


def test_a_kms_that_is_away_keeps_nobody_from_erasing(owned):
    """The keys go; the notice then names the handles alone, since the pseudonym cannot be read any more."""
    key = owned.store("fi").subject_keys([want(1, "fi-x")])[want(1, "fi-x")]
    owned.fault = {"fi": AWAY}
    store = owned.store("ee")
    store.erase([order(1)])
    marks = Papers(open_sqlite(owned.where / "store.db"), store.store_keys).marks("case-1")
    assert marks["agreements"] == {"fi-x": {"pseudonyms": [], "handles": [key.handle.hex()]}}
    owned.fault = {}
    assert owned.store("fi").open_keys("fi-x", [key.handle]) == {}
