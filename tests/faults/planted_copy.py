"""Copies of a run on the same Kafka: its transactions told again, each copy in topics of its own, altered or not."""

import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from checker_accounts import owners_in, places
from checker_evidence import Audit, Evidence
from checker_run import Run
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from planted_run import describe
from segments import Entry, Headers

COMMIT, ABORT, LEAVE = "commit", "abort", "leave"
PATIENCE_S = 30.0
TIMEOUT_MS = 600_000
"""A transaction that is left open stays open while it is looked at."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A record to write. `serial` tells, in views, of which input."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    serial: int = -1


@dataclass(frozen=True)
class Transaction:
    """What one transaction holds, in the order of each partition, and how it ends."""

    records: list[Planted]
    offsets: dict[int, int] = field(default_factory=dict)
    ends: str = COMMIT


Script = list[Transaction]


def script_of(evidence: Evidence) -> Script:
    """Return the committed transactions of a run in the order of their audit records."""
    run, owners = evidence.run, owners_in(evidence)
    records: dict[int, list[Planted]] = defaultdict(list)
    audits = [audit for audit in evidence.audits if audit.visible]
    for audit in audits:
        records[id(audit)].append(_planted(run.audit, 0, audit.entry))
        for place in places(audit):
            found = (*evidence.quarantined.get(place, ()), *(one.entry for one in evidence.told.get(place, ())))
            topics = [run.quarantine] * len(evidence.quarantined.get(place, ())) + [run.disclosures] * len(found)
            records[id(audit)] += [_planted(topic, 0, one) for topic, one in zip(topics, found, strict=False)]
    for agreement, released in evidence.releases.items():
        for place, releases in released.items():
            (one,) = (each for each in releases if each.visible)
            made = _planted(run.view(agreement), place[0], one.entry, one.record["serial"])
            records[id(owners[agreement][place])].append(made)
    return [Transaction(records[id(one)], _ends(one)) for one in audits]


def _ends(audit: Audit) -> dict[int, int]:
    return {partition: end for partition, (_, end) in audit.ranges.items()}


def _planted(topic: str, partition: int, entry: Entry, serial: int = -1) -> Planted:
    return Planted(topic, partition, entry.key, entry.value, entry.headers, serial)


class Copier:
    """Writes copies number 1 to `copies` of a run."""

    def __init__(self, run: Run, copies: int) -> None:
        self._run = run
        self._bootstrap = str(run.said["bootstrap"])
        self._left: list[Producer] = []
        self._create([f"copy{number}." for number in range(1, copies + 1)])

    def _create(self, prefixes: Iterable[str]) -> None:
        counts: dict[str, int] = defaultdict(int)
        for topic, _ in self._run.places:
            counts[topic] += topic in self._run.outputs
        new = [
            NewTopic(prefix + topic, count, config={"message.timestamp.type": "LogAppendTime"})
            for prefix in prefixes
            for topic, count in counts.items()
            if count
        ]
        admin = AdminClient({"bootstrap.servers": self._bootstrap})
        for future in admin.create_topics(new, operation_timeout=PATIENCE_S).values():
            future.result(PATIENCE_S)

    def copy(self, number: int, script: Script) -> Path:
        """Write a copy and return its run directory."""
        prefix = f"copy{number}."
        folder = self._run.folder.parent / f"copy{number}"
        (folder / "logs").mkdir(parents=True)
        describe(folder, self._bootstrap, Path(self._run.said["segments"][0]), prefix=prefix)
        (folder / "eco").symlink_to(self._run.folder / "eco")
        shutil.copy(self._run.folder / "input.jsonl", folder)
        self._write(prefix, script)
        return folder

    def _write(self, prefix: str, script: Script) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "transactional.id": prefix,
                "transaction.timeout.ms": TIMEOUT_MS,
                "compression.type": "lz4",
                "linger.ms": 1,
                "log_level": 0,
            }
        )
        producer.init_transactions(PATIENCE_S)
        group = Consumer({"bootstrap.servers": self._bootstrap, "group.id": prefix + self._run.group})
        metadata = group.consumer_group_metadata()
        for one in script:
            producer.begin_transaction()
            for each in one.records:
                producer.produce(prefix + each.topic, each.value, each.key, each.partition, headers=list(each.headers))
            assert producer.flush(PATIENCE_S) == 0
            if one.ends == COMMIT:
                offsets = [TopicPartition(self._run.topic, *place) for place in one.offsets.items()]
                producer.send_offsets_to_transaction(offsets, metadata, PATIENCE_S)
                producer.commit_transaction(PATIENCE_S)
            elif one.ends == ABORT:
                producer.abort_transaction(PATIENCE_S)
        group.close()
        self._left.append(producer)
