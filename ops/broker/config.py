"""What Kafka is told: `server.properties` for a combined node on loopback, sized for a small machine."""

import os
from collections.abc import Mapping
from pathlib import Path

NODE_ID = 1

_FIXED = {
    "process.roles": "broker,controller",
    "node.id": NODE_ID,
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    # One replica: there is nobody to copy to.
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.num.partitions": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Topics come from the documents, never from a typing error.
    "auto.create.topics.enable": "false",
    # A single node has nobody to hand over to: being fenced after a pause would only cost it its leaderships.
    # What a crash leaves behind is cleared by recovery.py.
    "broker.session.timeout.ms": 30_000,
    # Groups: no waiting for members that will not come; short sessions allowed to those who ask for them.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.consumer.min.session.timeout.ms": 1000,
    "group.consumer.min.heartbeat.interval.ms": 250,
    # A lane's position outlives any holiday of the machine: the default forgets it after seven days.
    "offsets.retention.minutes": 10 * 366 * 24 * 60,
    # A worker that died holds readers back until its transaction is timed out: look every second, not every ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    # Compaction with 16 MB instead of 128 MB, and soon.
    "log.cleaner.threads": 1,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "log.cleaner.backoff.ms": 5000,
    "log.retention.check.interval.ms": 30_000,
    "log.segment.bytes": 128 * 1024 * 1024,
    "log.index.size.max.bytes": 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
    "background.threads": 2,
}


def properties(data: Path, port: int, controller_port: int, extra: Mapping[str, str]) -> dict[str, str]:
    """Everything in `server.properties`; `extra` wins (the guard, a test's short interval)."""
    placed = {
        "log.dirs": data,
        "listeners": f"CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{port}",
        "controller.quorum.voters": f"{NODE_ID}@127.0.0.1:{controller_port}",
    }
    return {key: str(value) for key, value in {**_FIXED, **placed, **extra}.items()}


def controller_alone(pairs: Mapping[str, str]) -> dict[str, str]:
    """The same node as a controller without a broker, which declares a dead broker dead at once."""
    dropped = {"advertised.listeners", "inter.broker.listener.name"}
    return {
        **{key: value for key, value in pairs.items() if key not in dropped},
        "process.roles": "controller",
        "listeners": ",".join(e for e in pairs["listeners"].split(",") if e.startswith("CONTROLLER:")),
        "broker.session.timeout.ms": "20",
        "broker.heartbeat.interval.ms": "10",
    }


def write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner may read: Kafka's settings hold passwords."""
    file.unlink(missing_ok=True)  # an older one may be open to others
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)


def render(pairs: Mapping[str, str]) -> str:
    """A Java properties file; backslashes, and spaces at a value's start, would be eaten unescaped."""
    return "".join(f"{key}={_escape(value)}\n" for key, value in sorted(pairs.items()))


def _escape(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
    return "\\" + escaped if escaped.startswith(" ") else escaped


def logging_properties(folder: Path) -> str:
    """java.util.logging: `broker.0.log` is this run's, older ones up to `broker.4.log`; 10 MB each, a line a record."""
    pattern = str(folder).replace("%", "%%") + "/broker.%g.log"
    return render(
        {
            "handlers": "java.util.logging.FileHandler",
            ".level": "INFO",
            "java.util.logging.FileHandler.pattern": pattern,
            "java.util.logging.FileHandler.limit": str(10 * 1024 * 1024),
            "java.util.logging.FileHandler.count": "5",
            "java.util.logging.FileHandler.append": "false",
            "java.util.logging.FileHandler.formatter": "java.util.logging.SimpleFormatter",
            "java.util.logging.SimpleFormatter.format": "%1$tF %1$tT.%1$tL %4$s %3$s %5$s%6$s%n",
        }
    )
