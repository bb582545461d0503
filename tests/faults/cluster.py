"""Three Kafkas on loopback that are one cluster: any one of them may be killed while work goes on."""

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from penstock.ops.broker import storage
from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.broker.jvm import Jvm
from penstock.ops.broker.ports import RANGE, is_free

NODES = (1, 2, 3)
SESSION_MS = 3_000
"""After so long without a word from a broker the others go on without it."""

REPLICATED = {
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    "offsets.topic.num.partitions": 3,
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.num.partitions": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    "share.coordinator.state.topic.replication.factor": 3,
    "share.coordinator.state.topic.min.isr": 2,
    "broker.session.timeout.ms": SESSION_MS,
    "broker.heartbeat.interval.ms": 500,
    # A replica that fell silent is left out soon: until then every record waits for it.
    "replica.lag.time.max.ms": 5_000,
}


class Node(EmbeddedBroker):
    """One of three. What a crash left in it is settled by the other two, which elected other leaders meanwhile."""

    def __init__(self, root: Path, cluster_id: str, port: int, extra: Mapping[str, str]) -> None:
        super().__init__(root, port=port, extra=extra)
        self._cluster_id = cluster_id

    def _bring_data(self, jvm: Jvm, pairs: Mapping[str, str]) -> None:
        storage.format_once(jvm, self.root, pairs, cluster_id=self._cluster_id)


class ThreeBrokers:
    """The cluster in `folder`: replication 3, two replicas in step wanted, so that one broker may be away.

    The brokers are children that die with the thread that made them: `start` from the one that lives longest.
    """

    def __init__(self, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        ports = _free_ports(2 * len(NODES))
        clients = dict(zip(NODES, ports[::2], strict=True))
        controllers = dict(zip(NODES, ports[1::2], strict=True))
        voters = ",".join(f"{node}@127.0.0.1:{controllers[node]}" for node in NODES)
        cluster_id = storage.new_cluster_id()
        self.nodes = {
            node: Node(
                folder / f"broker-{node}",
                cluster_id,
                clients[node],
                {
                    **{key: str(value) for key, value in REPLICATED.items()},
                    "node.id": str(node),
                    "controller.quorum.voters": voters,
                    "listeners": f"CLIENT://127.0.0.1:{clients[node]},CONTROLLER://127.0.0.1:{controllers[node]}",
                    **(extra or {}),
                },
            )
            for node in NODES
        }
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in clients.values())

    @property
    def segments(self) -> list[Path]:
        """Where each broker keeps its log, in the order of NODES."""
        return [self.nodes[node].log_dirs for node in NODES]

    def start(self, timeout_s: float = 60.0) -> str:
        """Start all; return `bootstrap` once they are one cluster."""
        for node in self.nodes.values():
            node.launch()
        for node in self.nodes.values():
            node.answering(timeout_s)
        self._await(lambda: self.members() == set(NODES), timeout_s)
        return self.bootstrap

    def kill(self, node: int) -> None:
        """SIGKILL, as a crash would end it."""
        self.nodes[node].kill()

    def restart(self, node: int, timeout_s: float = 60.0) -> None:
        """Start a killed one again, once the others have seen it go; return when it is back and in step.

        Kafka would let it in no earlier: its old self counts as there until then.
        """
        self._await(lambda: node not in self.members(), timeout_s)
        self.nodes[node].start(timeout_s)
        self._await(lambda: self.members() == set(NODES), timeout_s)
        self._await(self._in_step, timeout_s)

    def stop(self) -> None:
        """End all at once: the last of them could not leave in order, since no majority is left to say so to."""
        for node in self.nodes.values():
            node.kill()

    def leader(self, topic: str) -> int:
        """Return who leads the first partition of a topic, which may have been made just now."""
        found: list[int] = []

        def known() -> bool:
            metadata = self._metadata()
            first = metadata.topics[topic].partitions.get(0) if metadata and topic in metadata.topics else None
            found.extend([first.leader] if first and first.leader in NODES else [])
            return bool(found)

        self._await(known, 30.0)
        return found[0]

    def members(self) -> set[int]:
        """Return the brokers that count as there just now."""
        return set(metadata.brokers) if (metadata := self._metadata()) else set()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _in_step(self) -> bool:
        metadata = self._metadata()
        return metadata is not None and all(
            len(one.isrs) == len(one.replicas)
            for topic in metadata.topics.values()
            for one in topic.partitions.values()
        )

    def _metadata(self) -> Any:
        """What some broker knows, none if none answers. A client of its own each time: one remembers."""
        with contextlib.suppress(KafkaException):
            return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}).list_topics(timeout=5)
        return None

    def _await(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"the cluster did not settle within {timeout_s:.0f} s"
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    return random.sample([port for port in random.sample(RANGE, 20 * count) if is_free(port)], count)
