"""One Kafka on one machine: prepared in a directory, started, stopped, started again on the same data."""

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ...schemas.errors import ConfigurationError, PenstockError, UnavailableError
from ..processes import dying_with_parent
from . import cds, config, ports
from .jars import Say, cache_dir, ensure_jars, require_space, say_to_stderr
from .java import Java, find_java
from .probe import wait_ready

SPACE_TO_RUN = 200 * 1024 * 1024
"""Free bytes wanted before a start: a broker that runs out of space ends at once and takes its readers along."""

_HEAP = ("-Xms128m", "-Xmx512m")
_QUICK = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true")


class EmbeddedBroker:
    """Kafka in `root`: `data/` (log segments), `logs/`, `server.properties`, `ports.json`.

    The lock on `root` is held by the Kafka process itself and ends with it, however it ends.
    """

    def __init__(
        self,
        root: Path,
        *,
        port: int | None = None,
        extra: Mapping[str, str] | None = None,
        free_bytes: Callable[[Path], int] | None = None,
        say: Say = say_to_stderr,
    ) -> None:
        self.root = Path(root).resolve()
        self.data = self.root / "data"
        self.log = self.root / "logs" / "broker.0.log"
        self.output = self.root / "logs" / "broker.out"
        self._fixed_port = port
        self._extra = dict(extra or {})
        self._home = cache_dir()
        self._free_bytes = free_bytes
        self._say = say
        self._java: Java | None = None
        self._class_path: list[Path] = []
        self._port = 0
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def log_dirs(self) -> Path:
        """Where the raw segments lie."""
        return self.data

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def prepare(self) -> None:
        """Everything up to the start: Java, jars, lock, ports, configuration, formatted storage."""
        self._java = find_java()
        self._class_path = ensure_jars(self._home, say=self._say)
        (self.root / "logs").mkdir(parents=True, exist_ok=True)
        require_space(self.root, SPACE_TO_RUN, self._free_bytes)
        self._take_lock()
        try:
            self._configure()
            self._format()
        except BaseException:
            self.release()
            raise

    def command(self) -> list[str]:
        """The prepared Kafka as an argument list whose first is an absolute path, fit for `os.execv`."""
        assert self._java is not None, "prepare() first"  # noqa: S101 - a caller's mistake, not a state
        archive = cds.archive_path(self._home, self._java, self._class_path)
        return [
            *self._jvm(*cds.use_archive(archive), *os.environ.get("PENSTOCK_BROKER_JVM_OPTIONS", "").split()),
            "kafka.Kafka",
            str(self.root / "server.properties"),
        ]

    def start(self, timeout_s: float = 60.0) -> str:
        """Starts Kafka as a child that dies with this process; returns `host:port` once it answers."""
        self.prepare()
        lock = self._held_lock()
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                dying_with_parent(self.command()),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                process_group=0,  # Ctrl-C at a terminal reaches the supervisor, which stops us in order
            )
        self.release()  # the child holds it now
        try:
            wait_ready(self.bootstrap, timeout_s, alive=self._is_alive)
        except UnavailableError as error:
            self.kill()
            raise self._explain(error) from error
        return self.bootstrap

    def stop(self, timeout_s: float = 20.0) -> None:
        """A clean stop; after `timeout_s` a hard one, from which the next start recovers."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL: what a power cut does to the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def release(self) -> None:
        """Gives the lock up in this process."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def keep_lock_over_exec(self) -> None:
        """For a role that becomes Kafka: the lock stays with the process that `os.execv` makes of it."""
        os.set_inheritable(self._held_lock().fileno(), True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _held_lock(self) -> IO[str]:
        assert self._lock is not None, "prepare() first"  # noqa: S101
        return self._lock

    def _take_lock(self, patience_s: float = 2.0) -> None:
        """Waits a moment: a broker told to stop just now may still be closing its files."""
        self.release()
        lock = (self.root / "lock").open("a")
        deadline = time.monotonic() + patience_s
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = lock
                return
            if time.monotonic() > deadline:
                lock.close()
                raise ConfigurationError(
                    "another broker runs on this data",
                    place=str(self.root),
                    remedy="use that one, or stop it first (penstock broker stop)",
                )
            time.sleep(0.05)

    def _configure(self) -> None:
        self._port, controller_port = self._choose_ports()
        pairs = config.properties(self.data, self._port, controller_port, self._extra)
        (self.root / "server.properties").write_text(config.render(pairs), encoding="utf-8")
        (self.root / "logging.properties").write_text(config.logging_properties(self.root / "logs"), encoding="utf-8")

    def _choose_ports(self) -> tuple[int, int]:
        """The ports of last time where they are still free, so that clients find the broker again."""
        if self._fixed_port is not None and not ports.is_free(self._fixed_port):
            raise ConfigurationError(
                f"port {self._fixed_port} is taken by another program",
                place=f"127.0.0.1:{self._fixed_port}",
                remedy="stop that program or name another port",
            )
        kept = self._kept_ports()
        port = self._fixed_port or (kept[0] if kept and ports.is_free(kept[0]) else ports.pick_free())
        controller = kept[1] if kept and kept[1] != port and ports.is_free(kept[1]) else ports.pick_free(besides=port)
        (self.root / "ports.json").write_text(json.dumps([port, controller]), encoding="utf-8")
        return port, controller

    def _kept_ports(self) -> tuple[int, int] | None:
        try:
            port, controller = json.loads((self.root / "ports.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return int(port), int(controller)

    def _format(self) -> None:
        """Formats beside `data` and renames, so that storage is formatted whole or not at all."""
        if self.data.exists():
            return
        fresh = self.root / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        pairs = config.properties(fresh, self._port, self._port + 1, self._extra)
        file = self.root / "format.properties"
        file.write_text(config.render(pairs), encoding="utf-8")
        tool = ["kafka.tools.StorageTool", "format", "--config", str(file), "--cluster-id", _new_cluster_id()]
        done = subprocess.run([*self._jvm(), *tool], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ConfigurationError(
                f"Kafka's storage cannot be formatted: {(done.stderr or done.stdout).strip()[-500:]}",
                place=str(fresh),
            )
        file.unlink()
        fresh.rename(self.data)

    def _jvm(self, *options: str) -> list[str]:
        assert self._java is not None, "prepare() first"  # noqa: S101
        return [
            str(self._java.executable),
            *_HEAP,
            *_QUICK,
            *options,
            f"-Djava.util.logging.config.file={self.root / 'logging.properties'}",
            "-cp",
            os.pathsep.join(map(str, self._class_path)),
        ]

    def _explain(self, error: PenstockError) -> PenstockError:
        """The error with what Kafka itself said last."""
        tail = _tail(self.log) + _tail(self.output)
        if "No space left on device" in tail:
            return ConfigurationError("Kafka ended: no space is left", place=str(self.root), remedy="free some space")
        if "Address already in use" in tail:
            return UnavailableError("Kafka's port was taken meanwhile", place=self.bootstrap, remedy="start again")
        return UnavailableError(error.message, place=error.place, remedy=f"read {self.log} and {self.output}")


def _tail(file: Path, size: int = 8000) -> str:
    with contextlib.suppress(OSError):
        return file.read_bytes()[-size:].decode(errors="replace")
    return ""


def _new_cluster_id() -> str:
    """Kafka's form of a UUID; one that begins with `-` would be read as an option."""
    while True:
        name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not name.startswith("-"):
            return name
