"""The engines: how each is started, which settings are tried, and why one may be absent here."""

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from order import Order
from programs import back_ends

from penstock.ops.broker.jars import Jar, cache_dir, ensure_jars
from penstock.schemas.errors import PenstockError

HERE = Path(__file__).parent
BUILD = HERE.parent / ".build" / "bench"
QUIXSTREAMS = ("quixstreams==3.28.1", "fastavro>=1.13,<2", "cryptography>=50,<51")
STREAMS_SOURCE = HERE / "KafkaStreamsEngine.java"
STREAMS_JARS = (
    Jar(
        "org.apache.kafka",
        "kafka-streams",
        "4.3.1",
        "bd73f3805e116f711e8456ee89a8a5b43ff5dcf5a5bb865afae29deae89e7c4b",
    ),
    Jar("org.apache.avro", "avro", "1.12.1", "72600f057bfbe2efe35fa55433e7756d45667dc938934be38a6e2be368aca237"),
)
STREAMS_HOME = cache_dir().with_name("kafka-streams-4.3.1")
BESIDE = ("kafka-clients", "slf4j", "lz4-java", "jackson", "snappy-java", "zstd-jni")

Settings = Mapping[str, Any]


class AbsentError(Exception):
    """An engine is not to be had here; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine. `tried` are the settings to choose the best of; `warm_up_s` is what it takes to reach its pace."""

    name: str
    tried: Sequence[Settings]
    warm_up_s: float = 3.0
    threads: bool = False

    def commands(self, order: Order, workers: int) -> list[list[str]]:
        """Return one command for each process. Raises AbsentError."""
        if self.threads:
            return [self._command(replace(order, settings={**order.settings, "threads": workers}))]
        lanes = sorted({0, *order.settings.get("lanes", ())})
        plain = {key: value for key, value in order.settings.items() if key != "lanes"}
        return [
            self._command(replace(order, number=number, lane=lane, settings=plain))
            for lane in lanes
            for number in range(workers)
        ]

    def _command(self, order: Order) -> list[str]:
        file = Path(order.folder) / f"{order.group}.{order.lane}.{order.number}.json"
        order.write(file)
        match self.name:
            case "quixstreams":
                return [str(quixstreams_python()), str(HERE / "engine_quixstreams.py"), str(file)]
            case "kafka_streams":
                return [*kafka_streams(), str(file)]
            case "penstock" | "penstock_native" | "slow_path":
                return [sys.executable, str(HERE / "engine_penstock.py"), str(file)]
        return [sys.executable, str(HERE / f"engine_{self.name}.py"), str(file)]


def exchange(name: str, back_end: str, sizes: Sequence[int] = (5_000, 2_000, 10_000)) -> Engine:
    return Engine(name, [{"back_end": back_end, "transaction_records": size} for size in sizes])


ENGINES = {
    one.name: one
    for one in (
        Engine("ceiling", [{"records": 5_000}, {"records": 2_000}, {"records": 10_000}], 2.0),
        exchange("penstock", "python"),
        exchange("penstock_native", "native"),
        exchange("slow_path", "slow", [5_000]),
        Engine("naive", [{"records": 5_000}, {"records": 1_000}, {"records": 10_000}]),
        Engine("quixstreams", [{"commit_s": 0.25}, {"commit_s": 1.0}, {"commit_s": 0.1}]),
        Engine("faust", [{"commit_s": 0.5}, {"commit_s": 0.5, "records": 5_000, "buffer": 16_384}, {"commit_s": 1.0}]),
        Engine(
            "kafka_streams",
            [{"commit_ms": 100}, {"commit_ms": 100, "retry_ms": 10}, {"commit_ms": 500, "retry_ms": 10}],
            12.0,
            threads=True,
        ),
    )
}


def why_absent(name: str, *, fetch: bool = True) -> str:
    """Return why an engine cannot run here, empty when it can; what it needs is fetched, if it may be."""
    try:
        match name:
            case "quixstreams":
                quixstreams_python(fetch=fetch)
            case "kafka_streams":
                kafka_streams(fetch=fetch)
            case "faust":
                __import__("faust")
            case "penstock" | "penstock_native":
                require_back_end(ENGINES[name].tried[0]["back_end"])
    except (AbsentError, ImportError) as absent:
        return str(absent)
    return ""


def require_back_end(name: str) -> None:
    """Raise AbsentError where the exchange has no such back end here."""
    if name not in back_ends():
        raise AbsentError(f"the back end `{name}` is not built here (make native)")


def quixstreams_python(*, fetch: bool = True) -> Path:
    """Return the Python of quixstreams' own environment: it wants an older Kafka client than we use."""
    home = BUILD / "quixstreams"
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        if not fetch:
            raise AbsentError("quixstreams' environment is not made yet: make bench makes it")
        venv.create(home, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *QUIXSTREAMS]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise AbsentError("quixstreams could not be installed: " + done.stderr.strip().rpartition("\n")[2])
        ready.touch()
    return python


def kafka_streams(*, fetch: bool = True) -> list[str]:
    """Return the command of the Java engine, compiled when its source changed."""
    compiler, java = shutil.which("javac"), shutil.which("java")
    if not compiler or not java:
        raise AbsentError("no JDK is here (javac)")
    if not fetch and not STREAMS_HOME.exists():
        raise AbsentError("Kafka Streams' jars are not here yet: make bench fetches them")
    path = ":".join(str(jar) for jar in streams_jars())
    mark = hashlib.sha256(STREAMS_SOURCE.read_bytes()).hexdigest()[:16]
    classes = BUILD / "kafka-streams" / mark
    if not classes.exists():
        fresh = classes.with_suffix(".new")
        fresh.mkdir(parents=True, exist_ok=True)
        command = [compiler, "--release", "17", "-cp", path, "-d", str(fresh), str(STREAMS_SOURCE)]
        subprocess.run(command, check=True)
        fresh.rename(classes)
    return [java, "-Xms512m", "-Xmx1g", "-XX:+UseParallelGC", "-cp", f"{classes}:{path}", "KafkaStreamsEngine"]


def streams_jars() -> list[Path]:
    """Return the class path: two jars of its own, what they need from the broker's."""
    try:
        theirs = [one for one in ensure_jars() if one.name.startswith(BESIDE)]
        own = ensure_jars(STREAMS_HOME, jars=list(STREAMS_JARS), say=lambda _line: None)
    except PenstockError as error:
        raise AbsentError(f"Kafka Streams' jars are not to be had: {error.message}") from None
    return [*own, *theirs]
