"""People in an ecosystem, what there is of them anywhere, and their cases."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from ecosystem import PAYMENTS, Done, cli, end, events, penstock, until
from law7_world import Law7World
from segments import batches, raw

from penstock.ops.documents.sign import keygen
from penstock.ops.recipient import open_view
from penstock.ops.wiring import Wiring
from penstock.processors.keys import subject_reference
from penstock.processors.quarantine import QuarantineSealer
from penstock.schemas.errors import KeyUnavailableError
from penstock.schemas.ports import SubjectWant
from penstock.schemas.quarantine import QuarantineRecord
from penstock.schemas.topic_names import quarantine_topic

PROVIDER, RECIPIENTS = "ee-tax", ("ee-stat", "fi-tax")
OPENED, JOINED = "ee-fi-income", "ee-stat-wages"
"""An agreement under which the recipient opens what is encrypted, and one under which it sees a pseudonym."""
DATASET = PAYMENTS


@dataclass(frozen=True)
class Traces:
    """What a store holds of a person: wrapped material, and key handles by agreement."""

    wrapped: list[bytes]
    handles: dict[str, list[bytes]]


class ErasureWorld:
    """Broker and gateway run; workers are a test's own."""

    def __init__(self, lane: Law7World, folder: Path) -> None:
        self.lane = lane
        self.home = lane.ecosystem
        self._folder = folder
        self._people = self._residents()
        self._give_keys()
        Wiring(self.home.directory).issue_missing_tokens(list(RECIPIENTS))

    def _give_keys(self) -> None:
        """Let the charter name keys whose private halves are here."""
        charter = self.home.directory / "charter.yaml"
        text = charter.read_text()
        for member in (PROVIDER, *RECIPIENTS):
            entry = re.compile(rf"(- id: {member}\n(?:    (?!public_key).*\n)*    public_key: ).*")
            text, times = entry.subn(rf"\g<1>{keygen(self.key(member))}", text)
            assert times == 1, member
        charter.write_text(text)
        self.lane.access.apply()

    def key(self, member: str) -> Path:
        return self._folder / f"{member}.pem"

    # --- people ---

    @staticmethod
    def _residents() -> Iterator[dict[str, Any]]:
        """Yield people with an income from which both agreements release."""
        seen = set()
        for to, event in events(4_000, 11):
            payee = event.get("payee", {})
            if to == DATASET and payee["residence"] == "FI" and payee["national_id"] not in seen:
                seen.add(payee["national_id"])
                yield payee

    def person(self) -> dict[str, Any]:
        """Return somebody whom no test has had yet."""
        return next(self._people)

    def feed(self, person: dict[str, Any], count: int = 20) -> None:
        payer = {"id": "EE-1", "name": "A payer", "country": "EE"}
        self.lane.feed(DATASET, self.lane.values(DATASET, count, payee=person, payer=payer, income_type="WAGES"))

    def reference(self, person: dict[str, Any]) -> bytes:
        secret = Wiring(self.home.directory).key_store().reference_secret()
        return subject_reference(secret, person["national_id"])

    def work_off(self) -> None:
        until(lambda: self.lane.accounted(DATASET) == self.lane.fed[DATASET], "the worker does not work")

    # --- what there is ---

    @property
    def store(self) -> Path:
        return self.home.directory / ".penstock" / "store.db"

    def traces(self, person: dict[str, Any], store: Path | None = None) -> Traces:
        subject = self.reference(person)
        with contextlib.closing(sqlite3.connect(store or self.store)) as database:
            wrapped = database.execute("SELECT wrapped FROM subjects WHERE subject = ?", [subject]).fetchall()
            rows = database.execute("SELECT agreement, handle FROM handles WHERE subject = ?", [subject]).fetchall()
        handles: dict[str, list[bytes]] = {}
        for agreement, handle in rows:
            handles.setdefault(agreement, []).append(handle)
        return Traces([one for (one,) in wrapped], handles)

    def opens(self, traces: Traces, directory: Path | None = None) -> dict[str, int]:
        """Say how many of a person's handles the store gives keys for, by agreement."""
        keys = Wiring(directory or self.home.directory).key_store()
        return {agreement: len(keys.open_keys(agreement, handles)) for agreement, handles in traces.handles.items()}

    def on_disk(self, directory: Path | None = None) -> bytes:
        """Return every byte of the store's files."""
        state = (directory or self.home.directory) / ".penstock"
        return b"".join(path.read_bytes() for path in state.glob("store.db*"))

    def records(self, topic: str) -> list[bytes]:
        """Return every record's value that lies in a topic, aborted ones too."""
        own = {"group.id": "operator.tests", "isolation.level": "read_uncommitted", "enable.partition.eof": True}
        consumer = Consumer({**self.lane.client, **own, "enable.auto.commit": False})
        found: list[bytes] = []
        try:
            places = [TopicPartition(topic, one, 0) for one in consumer.list_topics(topic, 20).topics[topic].partitions]
            consumer.assign(places)
            ended: set[int] = set()

            def all_read() -> bool:
                for message in consumer.consume(1_000, 0.1):
                    error = message.error()
                    assert error is None or error.code() == KafkaError._PARTITION_EOF, error
                    found.extend([message.value()] if error is None else [])
                    ended.update([message.partition()] if error else [])
                return len(ended) == len(places)

            until(all_read, f"{topic} cannot be read")
        finally:
            consumer.close()
        return found

    def seen_by(self, member: str, agreement: str) -> tuple[list[dict[str, Any]], int]:
        """Return what a recipient reads of its view today, and how many records do not open."""
        token = (self.home.directory / ".penstock" / "tokens" / member).read_text().strip()
        opened, closed = [], 0
        security = self.home.security(f"member.{member}")
        given = {"token": token, "security": security, "key_files": [self.home.directory / f"{member}.key"]}
        with open_view(agreement, gateway=self.home.gateway, **given) as view:
            ended = False
            while not ended:
                try:
                    opened.extend(dict(one.value) for one in view.to_end())
                    ended = True
                except KeyUnavailableError:
                    closed += 1
        return opened, closed

    def joined(self) -> set[str]:
        """Return the pseudonyms that the statistics office has."""
        return {one["payee"]["national_id"] for one in self.seen_by("ee-stat", JOINED)[0]}

    def pseudonym(self, person: dict[str, Any]) -> str:
        """Return the pseudonym that the store has of a person today."""
        want = SubjectWant(self.reference(person), self.lane.access.generation.domain(JOINED), JOINED)
        return Wiring(self.home.directory).key_store().subject_keys([want])[want].pseudonym

    def quarantine(self, person: dict[str, Any]) -> int:
        """Let a record about a person be refused and sealed as publishers do it; return the offset at which it lies."""
        store = Wiring(self.home.directory).key_store()
        sealer = QuarantineSealer(store, DATASET, "tests", os.urandom)
        record = QuarantineRecord("type", "", DATASET, "a file, row 1", None, None, 1, b"spoilt")
        topic = quarantine_topic(DATASET)
        producer = Producer(dict(self.lane.client))
        producer.produce(topic, sealer.seal(record, self.reference(person)), partition=0)
        assert producer.flush(20) == 0
        return len(self.records(topic)) - 1

    def segments(self, topic: str) -> list[bytes]:
        """Return what lies in a topic's raw segments, batch by batch, decompressed; aborted attempts too."""
        data = self.home.directory / ".penstock" / "broker" / "data"
        logs = [raw(folder) for folder in data.glob(f"{topic}-[0-9]*")]
        return [batch.payload for log in logs for batch in batches(log)]

    # --- cases ---

    def erasure(self, *words: str, stdin: str = "", directory: Path | None = None) -> Done:
        return cli("erasure", *words, "--in", str(directory or self.home.directory), "--json", stdin=stdin)

    def approved(self, person: dict[str, Any]) -> str:
        """Return the id of an approved case about a person."""
        case = str(self.erasure("request", "--as", "desk", stdin=person["national_id"]).json["case"])
        assert self.erasure("decide", case, "--as", "dpo", "--grant").code == 0
        assert self.erasure("approve", case, "--as", "deputy").code == 0
        return case

    def execute(self, case: str, within: str = "P14D") -> Done:
        signer = ("--as", PROVIDER, "--key", str(self.key(PROVIDER)))
        return self.erasure("execute", case, *signer, "--answer-within", within)

    def execute_and_die(self, case: str, point: str) -> int:
        """Let a process carry the case out that is killed at a named point; return how it ended."""
        program = (
            "import os, signal; from penstock.schemas.crash_points import arm; from penstock.ops.cli.app import main\n"
            f"arm(lambda point: os.kill(os.getpid(), signal.SIGKILL) if point == {point!r} else None); main()"
        )
        words = ["erasure", "execute", case, "--as", PROVIDER, "--key", str(self.key(PROVIDER))]
        python = penstock()[0]
        done = subprocess.run(
            [python, "-c", program, *words, "--in", str(self.home.directory)], capture_output=True, check=False
        )
        return done.returncode

    def backup(self, name: str) -> Path:
        """Return a copy of the store as it is now, made as SQLite says that copies are made."""
        path = self._folder / name
        with contextlib.closing(sqlite3.connect(self.store)) as now, contextlib.closing(sqlite3.connect(path)) as copy:
            now.backup(copy)
        return path

    @contextlib.contextmanager
    def restored(self, backup: Path) -> Iterator[Path]:
        """Give a directory of the ecosystem in which the store is `backup`: all else is the same."""
        directory = self._folder / f"restored-{backup.name}"
        shutil.copytree(self.home.directory, directory, ignore=shutil.ignore_patterns("broker", "store.db*", "*.sock"))
        shutil.copy(backup, directory / ".penstock" / "store.db")
        yield directory
        shutil.rmtree(directory)

    @contextlib.contextmanager
    def exchange_in(self, directory: Path) -> Iterator["subprocess.Popen[str]"]:
        """Run slot 1 of the dataset in a directory."""
        words = penstock("run", "exchange", str(directory), "--dataset", DATASET, "--slot", "1")
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield process
        finally:
            end(process)
            if process.stdout:
                process.stdout.close()
