"""The exchange beside the bare pass-through of the same records, in one run, as a ratio.

Both read the example's income payments from a provider topic in Kafka transactions of the same size. The pass-through
writes each record unchanged to one topic: the ceiling of what a client in Python can move here. The exchange does the
example's whole work (eight agreements). Interleaved runs, medians.

    python benchmarks/walk.py [--events N] [--runs N]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.clock import now_ms
from penstock.ops.documents.load import load
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.processors.lane import LaneProgram
from penstock.processors.outcome import Input
from penstock.processors.served import WorkerKeys
from penstock.schemas.generation import AgreementInForce, ContractInForce, Generation
from penstock.schemas.view_label import view_schema_of
from penstock.streams.runner import Inbound, Runner, Work
from penstock.streams.settings import Cluster
from penstock.streams.topics import TopicSpec, ensure, provider_topic, view_topic
from penstock.streams.transaction import Transaction

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "cross-border-tax"
DATASET = "income-payments"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker(Path(folder) / "broker") as broker:
        bench = Bench(Cluster(broker.bootstrap), Path(folder), arguments.events)
        rates: dict[str, list[float]] = {"pass-through": [], "exchange": []}
        for run in range(arguments.runs):
            for name, work in (("pass-through", bench.pass_through), ("exchange", bench.exchange)):
                seconds = work(run)
                rates[name].append(bench.count / seconds)
                print(f"run {run}: {name} {bench.count / seconds:,.0f} events/s", file=sys.stderr)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    ratio = medians["exchange"] / medians["pass-through"]
    print(json.dumps({**{k: round(v) for k, v in medians.items()}, "ratio": round(ratio, 3), "runs": arguments.runs}))


class Copy:
    """A batch passed on as it is."""

    def __init__(self, batch: list[Inbound], topic: str) -> None:
        self._batch = batch
        self._topic = topic

    def produce(self, transaction: Transaction) -> None:
        for one in self._batch:
            transaction.produce(self._topic, one.value, key=one.key, partition=one.partition)

    def check(self) -> None:
        """Nothing changes."""

    def committed(self, seconds: float) -> None:
        """Nobody counts."""

    def aborted(self) -> None:
        """Nobody counts."""


class Release:
    """A batch decided and protected as the exchange does it."""

    def __init__(self, program: LaneProgram, batch: list[Inbound]) -> None:
        inputs = [Input(one.partition, one.offset, one.value) for one in batch]
        self._outcome = program.process(inputs, now_ms(), {}, os.urandom)

    def produce(self, transaction: Transaction) -> None:
        for one in self._outcome.outputs:
            transaction.produce(one.topic, one.value, key=one.key, partition=one.partition)

    def check(self) -> None:
        """Nothing changes."""

    def committed(self, seconds: float) -> None:
        """Nobody counts."""

    def aborted(self) -> None:
        """Nobody counts."""


class Only:
    """A job that prepares, and is asked nothing else."""

    def __init__(self, prepare: Callable[[list[Inbound]], Work]) -> None:
        self.prepare = prepare

    def taken_over(self) -> None:
        """Nothing is remembered."""

    def refused(self, topics: Mapping[str, str]) -> bool:
        raise AssertionError(topics)

    def isolate(self, record: Inbound, detail: str) -> Work:
        raise AssertionError(record.offset, detail)


class Bench:
    """The provider topic, filled once, and both ways of reading it."""

    def __init__(self, cluster: Cluster, folder: Path, events: int) -> None:
        self._cluster = cluster
        documents = load(EXAMPLE)
        contract = documents.contracts[DATASET]
        self._contract = contract
        self.topic = contract.topic
        agreements = {key: one for key, one in documents.agreements.items() if one.dataset == DATASET}
        specs = [view_topic(one.view_topic, contract.partitions, -1) for one in agreements.values()]
        ensure(cluster, [provider_topic(contract.topic, contract.partitions, -1), *specs])
        ensure(cluster, [TopicSpec("copy", contract.partitions)])
        self.generation = Generation(
            number=1,
            at_ms=0,
            ecosystem="bench",
            charter=documents.charter,
            contracts={DATASET: ContractInForce(contract, "", {1: contract.schema})},
            agreements={
                key: AgreementInForce(one, "", "in_force", True, one.view_topic, 2, view_schema_of(contract, one))
                for key, one in agreements.items()
            },
        )
        self.keys = SqlKeyStore(open_sqlite(folder / "store.db"), FileKms(folder / "kek", create=True))
        self.count = self._fill(folder, events)

    def _fill(self, folder: Path, events: int) -> int:
        from penstock.processors.intake import Intake
        from penstock.processors.judged import Accepted
        from penstock.schemas.ports import SourceRecord
        from penstock.streams.transaction import TransactionalProducer

        inbox = folder / "inbox"
        command = [sys.executable, str(EXAMPLE / "generate.py"), "-n", str(events), "--seed", "1", "--out", str(inbox)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        intake = Intake(self._contract, 1, self.keys.reference_secret(), text=False)
        producer = TransactionalProducer(self._cluster, "bench.fill")
        producer.init()
        count = 0
        with producer.transaction() as transaction:
            for file in sorted((inbox / DATASET).iterdir()):
                for row in file.read_text().splitlines():
                    taken = intake.take(SourceRecord({}, "", json.loads(row)), 0)
                    if isinstance(taken, Accepted):
                        transaction.produce(self._contract.topic, taken.value, key=taken.key)
                        count += 1
        producer.close()
        shutil.rmtree(inbox)
        return count

    def pass_through(self, run: int) -> float:
        return self._time(f"bench.copy.{run}", lambda batch: Copy(batch, "copy"))

    def exchange(self, run: int) -> float:
        def no_other(_schema_id: int) -> dict[str, object]:
            raise LookupError

        program = LaneProgram(self.generation, DATASET, WorkerKeys(self.keys, "bench"), no_other)
        return self._time(f"bench.exchange.{run}", lambda batch: Release(program, batch))

    def _time(self, group: str, prepare) -> float:  # noqa: ANN001 - Prepare
        runner = Runner(self._cluster, self._contract.topic, group, "0", Only(prepare))
        runner.start()
        done, started = 0, 0.0
        while done < self.count:
            step = runner.step()
            if step and not started:
                started, self.first = time.monotonic(), step
            done += step
        seconds = time.monotonic() - started
        runner.close()
        # The first batch was waiting before the clock began.
        return seconds * self.count / max(1, self.count - self.first)


if __name__ == "__main__":
    main()
