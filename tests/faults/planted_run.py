"""A small honest run on a real Kafka: real roles, no faults; for the checker's own test."""

import json
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import events
from confluent_kafka import Producer
from papers import lay_out

from penstock.ops.up import Running, running

SEED = 113
"""With this one 16 of the records are poison."""

RECORDS = 600
PARTS = 3
"""The input comes in so many portions, each dealt with before the next: as many transactions, or more."""

PATIENCE_S = 60.0


def honest(folder: Path, bootstrap: str, data: Path) -> Path:
    """Let the roles deal with RECORDS records on the Kafka at `bootstrap`; return the run's directory."""
    folder.mkdir(parents=True)
    home = lay_out(folder, bootstrap, [])
    describe(folder, bootstrap, data)
    with running(home, lambda _: None, unsigned=False) as run:
        (schema_id,) = run.put.applied.generation.contracts[events.DATASET].writers
        for part in range(PARTS):
            numbers = range(part * RECORDS // PARTS, (part + 1) * RECORDS // PARTS)
            feed(folder, bootstrap, schema_id, numbers)
            wait_for(run, numbers.stop)
    return folder


def describe(folder: Path, bootstrap: str, data: Path, **more: str) -> None:
    said = {
        "version": 1,
        "dataset": events.DATASET,
        "topic": events.TOPIC,
        "bootstrap": bootstrap,
        "segments": [str(data)],
        "ecosystem": str(folder / "eco"),
        **more,
    }
    (folder / "run.json").write_text(json.dumps(said))


def feed(folder: Path, bootstrap: str, schema_id: int, numbers: Iterable[int]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5})
    lines: list[str] = []

    def note(n: int, sent: object) -> None:
        lines.append(json.dumps({"p": sent.partition(), "o": sent.offset(), "n": n}))

    for n in numbers:
        key = events.key(SEED, n)
        producer.produce(
            events.TOPIC,
            events.frame(SEED, n, schema_id),
            key=key,
            partition=zlib.crc32(key) % events.PARTITIONS,
            on_delivery=lambda _, sent, n=n: note(n, sent),
        )
    assert producer.flush(PATIENCE_S) == 0
    with (folder / "input.jsonl").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def wait_for(run: Running, records: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while run.totals.datasets.get(events.DATASET) is None or run.totals.datasets[events.DATASET].processed < records:
        assert time.monotonic() < deadline, f"{records} records are not dealt with"
        run.totals.poll()
        time.sleep(0.02)
