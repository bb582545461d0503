"""One Kafka on one machine: prepared in a directory, started, stopped, started again on the same data."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ...schemas.errors import ConfigurationError, PenstockError, UnavailableError
from ..processes import dying_with_parent
from . import adopting, ports, storage
from .archive import with_archive
from .guard import Guard
from .jars import Say, cache_dir, ensure_jars, require_space, say_to_stderr
from .java import find_java
from .jvm import Jvm
from .probe import wait_ready
from .recovery import bury_if_crashed

SPACE_TO_RUN = 200 * 1024 * 1024
"""Free bytes wanted before a start: a Kafka that runs out of space ends at once."""


def install(say: Say = say_to_stderr) -> Jvm:
    """Java, Kafka's jars and the class archive, all verified; what is missing is fetched or made, once per user."""
    java = find_java()
    jars = ensure_jars(say=say)
    return with_archive(Jvm(java, tuple(jars)), cache_dir(), say)


class EmbeddedBroker:
    """Kafka in `root`, listening on loopback, one replica.

    The lock on `root` is held by the Kafka process itself and ends with it, however it ends. Without a `guard` it lets
    everybody in: for tests of clients, never for an ecosystem. `extra` overrides single settings of
    `server.properties`.
    """

    def __init__(  # noqa: PLR0913 - each a thing that a test sets by itself
        self,
        root: Path,
        *,
        port: int | None = None,
        guard: Guard | None = None,
        extra: Mapping[str, str] | None = None,
        free_bytes: Callable[[Path], int] | None = None,
        say: Say = say_to_stderr,
    ) -> None:
        self.root = Path(root).resolve()
        self.log_dirs = self.root / "data"
        self.log = self.root / "logs" / "broker.0.log"
        self.output = self.root / "logs" / "broker.out"
        self._fixed_port = port
        self._guard = guard
        self._extra = {**(guard.settings() if guard else {}), **(extra or {})}
        self._free_bytes = free_bytes
        self._say = say
        self._port = ports.kept(self.root)[0] or 0
        self._command: list[str] = []
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where it listens since `prepare`, or did last time."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def prepare(self) -> None:
        """Everything up to the start: Java, jars, lock, ports, configuration, storage formatted and recovered."""
        jvm = install(self._say)
        self.root.mkdir(parents=True, exist_ok=True)
        require_space(self.root, SPACE_TO_RUN, self._free_bytes)
        self.release()
        self._lock = storage.take_lock(self.root)
        try:
            self._port, controller_port = ports.choose(self.root, self._fixed_port)
            pairs = storage.configure(self.root, self._port, controller_port, self._extra)
            self._bring_data(jvm, pairs)
        except BaseException:
            self.release()
            raise
        self._command = jvm.kafka(self.root)

    def _bring_data(self, jvm: Jvm, pairs: Mapping[str, str]) -> None:
        """Data that is formatted, without a dead broker in it, and knows its guard."""
        guard = self._guard
        if storage.format_once(jvm, self.root, pairs, guard.users() if guard else {}) and guard:
            adopting.note(self.root, guard)
        bury_if_crashed(jvm, self.root, pairs)
        if guard and not adopting.knows(self.root, guard):
            self._say("Kafka's data is brought under guard, once")
            adopting.adopt(jvm, self.root, pairs, guard)

    def command(self) -> list[str]:
        """The prepared Kafka as an argument list whose first is an absolute path."""
        return list(self._command)

    def start(self, timeout_s: float = 60.0) -> str:
        """Starts Kafka as a child that dies with this process; returns `host:port` once it answers.

        The calling thread counts as the parent: it must live as long as the broker may.
        """
        self.launch()
        return self.answering(timeout_s)

    def launch(self) -> None:
        """The first half of `start`: one node of several answers only when others run too."""
        self.prepare()
        self._process = self._spawn(self._prepared_lock())
        self.release()  # the child holds it now

    def answering(self, timeout_s: float = 60.0) -> str:
        """The second half of `start`."""
        try:
            wait_ready(self.bootstrap, timeout_s, alive=self._is_alive)
        except UnavailableError as error:
            self.kill()
            raise explained(error, self.root) from error
        except BaseException:
            self.kill()
            raise
        return self.bootstrap

    def become(self) -> None:
        """Turns this process into the prepared Kafka: same process id, same parent, the lock kept."""
        lock = self._prepared_lock()
        os.set_inheritable(lock.fileno(), True)
        with self.output.open("wb") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.execv(self._command[0], self._command)  # noqa: S606 - no shell is wanted

    def stop(self, timeout_s: float = 20.0) -> None:
        """A clean stop; after `timeout_s` a hard one, from which the next start recovers."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """SIGKILL, as a crash would end it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def release(self) -> None:
        """Gives up, in this process, the lock that `prepare` took."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _prepared_lock(self) -> IO[str]:
        if self._lock is None:
            raise ConfigurationError("the broker is not prepared", place=str(self.root), remedy="call prepare() first")
        return self._lock

    def _spawn(self, lock: IO[str]) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            process = subprocess.Popen(
                dying_with_parent(self._command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                process_group=0,  # Ctrl-C at a terminal reaches only us, who stop it in order
            )
        storage.name_holder(lock, process.pid)
        return process


def explained(error: PenstockError, root: Path) -> PenstockError:
    """The error with what Kafka itself said last."""
    logs = root / "logs"
    tail = "".join(_tail(file) for file in (logs / "broker.0.log", logs / "broker.out"))
    if "No space left on device" in tail or "File too large" in tail:
        return ConfigurationError("Kafka ended: no space is left", place=str(root), remedy="free some space")
    if "Address already in use" in tail:
        return UnavailableError("Kafka's port was taken just now", place=error.place, remedy="start again")
    output = _tail(logs / "broker.out").strip()
    message = f"{error.message}: {output[-500:]}" if output else error.message
    return UnavailableError(message, place=error.place, remedy=f"read the logs in {logs}")


def _tail(file: Path, size: int = 8000) -> str:
    with contextlib.suppress(OSError):
        return file.read_bytes()[-size:].decode(errors="replace")
    return ""
