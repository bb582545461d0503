"""The compiled back end gives what Python gives on the work that is measured: large batches, some events spoilt."""

import hashlib
from random import Random

import pytest
from programs import lane_program
from workloads import DATASETS, payments, workload

from native import native
from penstock.ops.store.memory import MemoryKeyStore
from penstock.processors.outcome import Input
from penstock.processors.served import WorkerKeys
from penstock.processors.turns import NOTHING, Turn
from penstock.schemas.errors import AgreementKeyError, KeyUnavailableError

__all__ = ["native"]
AT_MS = 1_800_000_000_000
EVENTS = 6_000  # more than the extension is given at once


class Bulk(MemoryKeyStore):
    """Bulk keys that are the same for whoever asks first."""

    def bulk_key(self, scope, worker):
        return hashlib.sha256(f"{scope}{worker}".encode()).digest()[:8], hashlib.sha256(scope.encode()).digest()


def stream():
    held, at = hashlib.shake_256(b"nonces").digest(12 * 12 * EVENTS), 0

    def nonce(size):
        nonlocal at
        at += size
        return held[at - size : at]

    return nonce


class Gaps(Bulk):
    """One subject in eight has no keys, and the noise secrets of one dataset are gone."""

    def subject_keys(self, wants):
        return {want: key for want, key in super().subject_keys(wants).items() if want.subject[0] % 8}

    def at_hand(self, domain, agreement, subjects):
        held = super().at_hand(domain, agreement, subjects)
        return [raw if one is not None and one[0] % 8 else None for raw, one in zip(held, subjects, strict=True)]

    def noise_secret(self, dataset, period):
        if dataset == DATASETS["w0"]:
            raise KeyUnavailableError("it is gone")
        return super().noise_secret(dataset, period)


def outcomes(name, batch, store=Bulk, turn=NOTHING):
    what, keys = workload(name), WorkerKeys(store(), "bench")
    programs = [lane_program(what.generation, what.dataset, keys, None, one) for one in ("native", "python")]
    return [one.process(batch, AT_MS, {}, stream(), turn) for one in programs]


def batch_of(spoil):
    return [Input(n % 3, n, spoil(n, one.value)) for n, one in enumerate(payments(EVENTS, warm=200))]


@pytest.mark.parametrize("name", ["w0", "w1"])
def test_every_event_gives_the_same(name):
    found, wanted = outcomes(name, batch_of(lambda _, value: value))
    assert len(found.outputs) > 2 * EVENTS
    assert found == wanted


@pytest.mark.parametrize("name", ["w0", "w1"])
def test_spoilt_events_among_others_give_the_same(name):
    lot = Random(7)

    def spoil(n, value):
        if n % 20:
            return value
        at = lot.randrange(5, len(value))
        return lot.choice([value[:at], value[:at] + lot.randbytes(1) + value[at + 1 :], value + b"\0", None])

    found, wanted = outcomes(name, batch_of(spoil))
    assert found.refused
    assert found == wanted


@pytest.mark.parametrize("name", ["w0", "w1"])
def test_where_keys_are_missing_the_same_is_withheld(name):
    found, wanted = outcomes(name, batch_of(lambda _, value: value), Gaps)
    assert found == wanted
    assert sum(len(one.withheld) + one.quarantined for one in found.tallies.values())


@pytest.mark.parametrize("name", ["w0", "w1"])
def test_who_is_put_aside_or_not_yet_owed_gets_nothing(name):
    one, other = (f"{DATASETS[name]}-{letter}" for letter in "ab")
    turn = Turn(aside={0: frozenset({one})}, begins={(other, 1): EVENTS // 2})
    found, wanted = outcomes(name, batch_of(lambda _, value: value), turn=turn)
    assert found == wanted
    assert set(found.tallies[one].withheld) == {"parked"}
    assert set(found.tallies[other].withheld) == {"not_in_force"}


def test_an_agreement_whose_own_key_is_missing_is_named(monkeypatch):
    def gone(*_):
        raise KeyUnavailableError("it is gone")

    monkeypatch.setattr(Bulk, "bulk_key", gone)
    what = workload("w0")
    program = lane_program(what.generation, what.dataset, WorkerKeys(Bulk(), "bench"), None, "native")
    with pytest.raises(AgreementKeyError) as missing:
        program.process(batch_of(lambda _, value: value), AT_MS, {}, stream())
    assert missing.value.place == "grants-a"
