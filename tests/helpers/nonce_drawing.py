"""Encrypts as workers do and writes down which nonce went under which key: run as a process, it forks on its way.

    python nonce_drawing.py BACK_END FOLDER ENCRYPTIONS FORKS

Each process that comes of it encrypts its part; FOLDER holds the key store, which all of them share, and what they
wrote: files of 20 bytes each time, handle and nonce, apart by the last byte of the nonce.
"""

import os
import sys
from collections import defaultdict
from pathlib import Path

from generations import WRITER_ID, generation_of
from view_world import ENCRYPT, PASS, record

from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.store_keys import is_new
from penstock.processors.lane import LaneProgram
from penstock.processors.outcome import Input
from penstock.processors.served import WorkerKeys
from penstock.schemas.avro_paths import leaves
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame, unframe
from penstock.schemas.generation import ContractInForce

OWN, NOBODYS, PEOPLE, BATCH, PARTS = 24, 8, 7, 250, 32
FIELDS = [*(f"own{at}" for at in range(OWN)), *(f"open{at}" for at in range(NOBODYS))]
CARELESS = "PENSTOCK_TEST_CARELESS_FORK"
AT_MS = 1_780_000_000_000
SCHEMA = record(
    ("id", "string"),
    ("at", {"type": "long", "logicalType": "timestamp-millis"}),
    ("person", "string"),
    *((name, "long") for name in FIELDS),
)
SAFEGUARDS = {
    path: ENCRYPT if path in FIELDS or path == "person" else {**PASS, "reason": "needed"} for path in leaves(SCHEMA)
}
PER_EVENT = OWN + NOBODYS + 1


def generation():
    """One agreement on one dataset: fields of a few people, whose keys come again and again, and fields of nobody."""
    made = generation_of(safeguards=SAFEGUARDS, schema=SCHEMA, public=tuple(f"open{at}" for at in range(NOBODYS)))
    assert isinstance(made.contracts["income"], ContractInForce)
    return made


class Careless:
    """Random bytes, fetched once for many nonces, over every fork: the fault that the judge must see."""

    def __init__(self) -> None:
        self._held = os.urandom(1 << 20)

    def __call__(self, size: int) -> bytes:
        taken, self._held = self._held[:size], self._held[size:]
        return taken


class Worker:
    """A worker of one process and of what is forked from it."""

    def __init__(self, folder: Path, back_end: str) -> None:
        self._folder = folder
        self._engine = open_sqlite(folder / "store.db")
        store = SqlKeyStore(self._engine, FileKms(folder / "kek", create=is_new(self._engine)))
        self._generation = generation()
        self._lane = LaneProgram(
            self._generation, "income", WorkerKeys(store, "worker"), _ask_nobody, back_end=back_end
        )
        self._codec = Codec(SCHEMA)
        self._view = Codec(self._generation.agreements["ee-fi"].view_schema)
        self._drawn: dict[int, bytearray] = defaultdict(bytearray)
        self._number = 0
        self._nonce = Careless() if CARELESS in os.environ else os.urandom

    def work(self, events: int) -> None:
        """Release `events` events in batches, and note what was drawn."""
        for start in range(0, events, BATCH):
            outcome = self._lane.process(self._batch(min(BATCH, events - start)), AT_MS, {}, self._nonce)
            assert not outcome.refused, outcome.refused[0].detail
            for output in outcome.outputs:
                self._note(self._view.decode(unframe(output.value)[1]))

    def forked(self) -> bool:
        """Fork; True in the child, which goes on with everything that its parent had, and writes for itself."""
        if os.fork():
            return False
        self._engine.dispose(close=False)  # the connection is the parent's
        self._drawn.clear()
        return True

    def write(self) -> None:
        for part, entries in self._drawn.items():
            (self._folder / f"drawn-{part:02}-{os.getpid()}").write_bytes(entries)

    def _batch(self, count: int) -> list[Input]:
        made = []
        for _ in range(count):
            self._number += 1
            number = self._number
            head = {"id": f"e{number}", "at": AT_MS, "person": f"person-{number % PEOPLE}"}
            event = {**head, **dict.fromkeys(FIELDS, number)}
            made.append(Input(0, number, frame(WRITER_ID, self._codec.encode(event))))
        return made

    def _note(self, view) -> None:
        for name in ("person", *FIELDS):
            entry = view[name][1:21]
            self._drawn[entry[-1] % PARTS] += entry


def _ask_nobody(schema_id: int):
    raise AssertionError(schema_id)


def main(back_end: str, folder: str, encryptions: int, forks: int) -> None:
    """Work a part, fork, work a part in both, and so on in the parent; children end after theirs."""
    worker = Worker(Path(folder), back_end)
    part = encryptions // (2 * forks + 1) // PER_EVENT + 1
    worker.work(part)
    children = 0
    for _ in range(forks):
        child = worker.forked()
        worker.work(part)
        if child:
            worker.write()
            os._exit(0)
        children += 1
    worker.write()
    failed = [code for _, code in (os.wait() for _ in range(children)) if code]
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
