"""The world of a run: Kafka, a proxy, the gateway, three exchange workers under the supervisor, the input, a watch."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from random import Random
from typing import Any

import events
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from papers import lay_out
from steering import Helper, ProxyHands
from watch import Watch

from penstock.ops import slot as supervised_slot
from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.broker.ports import is_free
from penstock.ops.in_force import generation_in_force
from penstock.ops.processes import read_status
from penstock.ops.supervisor import RoleCommand, RoleState, Supervisor
from penstock.ops.wiring import Wiring

WORKERS = 3
PATIENCE_S = 90.0
# The bench kills a worker every few seconds: no reason for the supervisor to think each time that it cannot live.
supervised_slot.HEALTHY_AFTER_S = 1.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class World:
    """A run in its directory. Make it, start it and end it in one thread, which lives as long."""

    def __init__(self, run: Path, seed: int) -> None:
        self.run = run
        self.seed = seed
        self.started_ms = now_ms()
        run.mkdir(parents=True)
        for folder in ("logs", "pages", "orders"):
            (run / folder).mkdir()
        self.bootstrap, lanes = self._kafka()
        self.home = lay_out(run, self.bootstrap, lanes)
        self._note = threading.Lock()

    # --- Kafka: another world may have another ---

    def _kafka(self) -> tuple[str, list[str]]:
        """Prepare Kafka; return where it is for us, and for each worker."""
        direct, controller, *lanes = _free_ports(2 + 2 * WORKERS)
        self.behind, self.before = lanes[:WORKERS], lanes[WORKERS:]
        self.broker = EmbeddedBroker(self.run / "broker", port=direct, extra=self._listeners(direct, controller))
        return f"127.0.0.1:{direct}", [f"127.0.0.1:{port}" for port in self.before]

    def _start_kafka(self) -> None:
        self.broker.start()
        self.proxy = ProxyHands(self.behind, self.before, self.run / "logs" / "proxy.log")

    def _stop_kafka(self) -> None:
        if hasattr(self, "proxy"):
            self.proxy.end()
        self.broker.stop()

    def segments(self) -> list[Path]:
        """Return where the logs of partitions lie."""
        return [self.broker.log_dirs]

    def heal(self) -> None:
        """Let everything through to Kafka."""
        for number in range(WORKERS):
            self.proxy.order("forget", number)
            self.proxy.mode(number)

    def _listeners(self, direct: int, controller: int) -> dict[str, str]:
        """One listener for us, one for each worker, which Kafka says to be where the proxy is."""
        places = {"CLIENT": direct, **{f"LANE{n}": port for n, port in enumerate(self.behind)}}
        told = {"CLIENT": direct, **{f"LANE{n}": port for n, port in enumerate(self.before)}}
        return {
            "listeners": _listed({**places, "CONTROLLER": controller}),
            "advertised.listeners": _listed(told),
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in (*places, "CONTROLLER")),
            "inter.broker.listener.name": "CLIENT",
        }

    # --- life ---

    def start(self) -> None:
        self._start_kafka()
        self.supervisor = Supervisor([self._gateway(), *(self._worker(n) for n in range(WORKERS))])
        self.supervisor.start()
        _until(lambda: read_status(self.home / ".penstock/run/gateway.json"), "the gateway does not run")
        self._apply()
        self.watch = Watch(self.bootstrap)
        self.writer = self._writer()

    def _apply(self) -> None:
        command = [sys.executable, "-m", "penstock", "apply", str(self.home)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        (self.run / "logs" / "apply.log").write_text(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr

    def _writer(self) -> Helper:
        contract = generation_in_force(Wiring(self.home)).contracts[events.DATASET]
        (schema_id,) = contract.writers
        words = (self.bootstrap, self.seed, schema_id, self.run / "input.jsonl")
        return Helper("writer.py", *words, log=self.run / "logs" / "writer.log")

    def _gateway(self) -> RoleCommand:
        log = self.home / ".penstock" / "run" / "gateway.log"
        return RoleCommand("gateway", _role(self.home, "gateway"), dict(os.environ), log)

    def _worker(self, number: int) -> RoleCommand:
        log = self.home / ".penstock" / "run" / f"{self.name(number)}.log"
        return RoleCommand(self.name(number), self.worker_argv(number), self.worker_env(number), log, from_spare=True)

    def worker_argv(self, number: int) -> list[str]:
        directory = self.run / f"eco-{number}"
        return _role(directory, "exchange", "--dataset", events.DATASET, "--slot", str(number))

    def worker_env(self, number: int) -> dict[str, str]:
        return {**os.environ, "PYTHONUNBUFFERED": "1", "PENSTOCK_FAULTS": str(self.orders(number))}

    def stop_workers(self) -> None:
        """Let the workers end in order; Kafka goes on, so that what they left can be looked at."""
        self.collect_pages()
        self.supervisor.stop(20)

    def close(self) -> None:
        """End all that was started."""
        for name, end in (("writer", "end"), ("supervisor", "stop"), ("watch", "close")):
            with contextlib.suppress(OSError, ValueError):
                if hasattr(self, name):
                    getattr(getattr(self, name), end)()
        self._stop_kafka()

    # --- questions ---

    def name(self, number: int) -> str:
        return f"exchange-{events.DATASET}-{number}"

    def orders(self, number: int) -> Path:
        """Return the file that tells a worker which fault to do to itself."""
        return self.run / "orders" / str(number)

    def state(self, name: str) -> RoleState:
        return next(one for one in self.supervisor.snapshot() if one.name == name)

    def serving(self, number: int) -> int | None:
        """Return the process of a worker that has set up its signal handlers; None: there is none now."""
        state = self.state(self.name(number))
        facts = read_status(self.home / ".penstock" / "run" / f"{state.name}.json") or {}
        return state.pid if state.state == "running" and state.pid and facts.get("pid") == state.pid else None

    def collect_pages(self) -> None:
        """Keep what the roles show over HTTP."""
        for file in (self.home / ".penstock" / "run").glob("*.json"):
            port = (read_status(file) or {}).get("port")
            for page in ("metrics", "health") if port else ():
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5) as said,
                ):
                    (self.run / "pages" / f"{file.stem}-{page}-{now_ms()}").write_bytes(said.read())

    def set_topic(self, topic: str, setting: str, value: str | None) -> None:
        """Change a setting of a topic; None: as it was at first."""
        operation = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
        entry = ConfigEntry(setting, value or "", incremental_operation=operation)
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for future in admin.incremental_alter_configs([resource]).values():
            future.result(PATIENCE_S)

    def note(self, **fault: Any) -> None:
        """Write down a fault that happened."""
        with self._note, (self.run / "faults.jsonl").open("a") as file:
            file.write(json.dumps(fault) + "\n")

    def describe(self, tier: str, part: int, records: int) -> None:
        """Leave what the checker needs to know; see `checker.py`."""
        said = {
            "version": 1,
            "seed": self.seed,
            "tier": tier,
            "part": part,
            "dataset": events.DATASET,
            "topic": events.TOPIC,
            "partitions": events.PARTITIONS,
            "agreements": list(events.AGREEMENTS),
            "bootstrap": self.bootstrap,
            "segments": [str(one) for one in self.segments()],
            "ecosystem": str(self.home),
            "started_ms": self.started_ms,
            "ended_ms": now_ms(),
            "records": records,
        }
        (self.run / "run.json").write_text(json.dumps(said, indent=1) + "\n")


def _role(directory: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "penstock", "run", words[0], str(directory), *words[1:]]


def _listed(ports: dict[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())


def _free_ports(count: int) -> list[int]:
    """Return ports below those of outgoing connections, so that they are still free when Kafka comes back."""
    found: list[int] = []
    lot = Random(os.urandom(8))
    while len(found) < count:
        port = lot.randrange(20_000, 32_000)
        if port not in found and is_free(port):
            found.append(port)
    return found


def _until(holds: Any, what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
