"""The compiled back end gives what Python gives on the work that is measured: large batches, some events spoilt."""

import hashlib
from random import Random

import pytest
from programs import lane_program
from workloads import payments, workload

from native import native
from penstock.ops.store.memory import MemoryKeyStore
from penstock.processors.outcome import Input
from penstock.processors.served import WorkerKeys

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


def outcomes(name, batch):
    what, keys = workload(name), Bulk()
    programs = [
        lane_program(what.generation, what.dataset, WorkerKeys(keys, "bench"), None, one)
        for one in ("native", "python")
    ]
    return [one.process(batch, AT_MS, {}, stream()) for one in programs]


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
