"""Ecosystems in directories of their own: the example, what it is fed with, its processes and its commands."""

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
EXAMPLE = TESTS.parent / "examples" / "cross-border-tax"
for _folder in (TESTS, EXAMPLE):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

import generate  # noqa: E402 - the example's own script
import yaml  # noqa: E402

from penstock.ops.cli.app import main  # noqa: E402
from penstock.ops.processes import is_running, read_status  # noqa: E402
from penstock.ops.settings import scram  # noqa: E402
from penstock.ops.wiring import Wiring  # noqa: E402

PAYMENTS, RESIDENCY = generate.PAYMENTS, generate.RESIDENCY
SUFFIX = {PAYMENTS: "ndjson", RESIDENCY: "csv"}
PATIENCE_S = 60.0

Event = dict[str, Any]
Fed = tuple[str, Event]
"""A dataset and an event for it, values as Avro stores them."""


def until(holds: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
    """Return what `holds` returns as soon as it is true; fail with `what` when it never is."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"after {timeout_s:.0f} s: {what}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of standard output as JSON."""
        assert self.code == 0, self.err
        return json.loads(self.out.strip().splitlines()[-1])


@dataclass
class Ecosystem:
    """The example in `directory`. `fed` is what it was given and must take, in no order.

    `cluster` is where the Kafka listens that it names; without one it has its own.
    """

    directory: Path
    cluster: str = ""
    fed: list[Fed] = field(default_factory=list)
    _files: int = 0

    @property
    def run(self) -> Path:
        return self.directory / ".penstock" / "run"

    @property
    def bootstrap(self) -> str:
        return self.cluster or str(self.facts("broker")["bootstrap"])

    def client(self, principal: str = "operator") -> dict[str, str]:
        """Return what a stock client of `principal` needs to reach this ecosystem's Kafka."""
        if self.cluster:
            return {"bootstrap.servers": self.cluster}
        password = (self.directory / ".penstock" / "credentials" / principal).read_text().strip()
        return {"bootstrap.servers": self.bootstrap, **scram(principal, password)}

    def security(self, principal: str) -> dict[str, str]:
        """Return the part of `client` that `open_view` takes."""
        return {key: value for key, value in self.client(principal).items() if key != "bootstrap.servers"}

    @property
    def gateway(self) -> str:
        return str(self.facts("gateway")["url"])

    @property
    def registry(self) -> str:
        """The registry's URL with a token that sees every schema, as stock clients take it."""
        token = Wiring(self.directory).tokens().issue("fi-tax", days=1, scope="registry")
        scheme, _, rest = self.gateway.partition("://")
        return f"{scheme}://tests:{token}@{rest}"

    def facts(self, role: str) -> dict[str, Any]:
        facts = read_status(self.run / f"{role}.json")
        assert facts is not None, f"{role} never ran"
        return facts

    def pids(self) -> dict[str, int]:
        """Return the process that each role's status file names."""
        found = {path.stem: read_status(path) or {} for path in self.run.glob("*.json")}
        return {role: int(facts["pid"]) for role, facts in found.items() if "pid" in facts}

    def token(self, member: str) -> str:
        return (self.directory / ".penstock" / "tokens" / member).read_text().strip()

    def agreements(self) -> dict[str, Any]:
        paths = [path for path in (self.directory / "agreements").glob("*.yaml") if ".signatures" not in path.name]
        return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(paths)}

    def opening_consents(self) -> set[tuple[str, str]]:
        said = yaml.safe_load((self.directory / "consents.yaml").read_text())["consents"]
        return {(one["agreement"], one["subject"]) for one in said if one["given"]}

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands in a document exactly once."""
        file = self.directory / path
        text = file.read_text()
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new))

    def give_consent(self, agreement: str, subjects: Iterable[str]) -> None:
        """Add to the consents that the example brings along."""
        with (self.directory / "consents.yaml").open("a") as file:
            file.writelines(
                f'  - {{agreement: {agreement}, subject: "{subject}", given: true}}\n' for subject in subjects
            )

    # --- input ---

    def feed(self, events: Iterable[Fed]) -> None:
        """Drop a file of good rows for each dataset of `events`."""
        events = list(events)
        for dataset in (PAYMENTS, RESIDENCY):
            rows = [generate.row(dataset, event) for to, event in events if to == dataset]
            if rows:
                self.drop(dataset, rows)
        self.fed += events

    def drop(self, dataset: str, rows: Iterable[Mapping[str, Any]]) -> Path:
        """Drop a file of rows as they are; return where it lies until it is taken."""
        text = ndjson_of(rows) if dataset == PAYMENTS else csv_of(rows)
        self._files += 1
        return self.drop_bytes(dataset, f"{dataset}-fed-{self._files:04d}.{SUFFIX[dataset]}", text)

    def drop_bytes(self, dataset: str, name: str, data: bytes) -> Path:
        folder = self.directory / "inbox" / dataset
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".{name}").write_bytes(data)
        return (folder / f".{name}").rename(folder / name)

    def generate(self, n: int, seed: int, bad: int) -> Counter[str]:
        """Let the example's generator write its files as people run it; return its faulty rows by reason."""
        options = ["-n", str(n), "--seed", str(seed), "--bad", str(bad), "--out", str(self.directory / "inbox")]
        subprocess.run([sys.executable, str(EXAMPLE / "generate.py"), *options], check=True, capture_output=True)
        good, faulty = generated(n, seed, bad)
        self.fed += good
        return faulty

    # --- commands and processes ---

    def cli(self, *words: str, stdin: str = "") -> Done:
        """Run a command on this ecosystem in this process, its entry point included."""
        return cli(*words, "--in", str(self.directory), stdin=stdin)

    def up_once(self, *options: str, timeout_s: float = 150.0) -> Done:
        """Run `penstock up DIR --once --json` as a process."""
        command = penstock("up", str(self.directory), "--once", "--json", *options)
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def role(self, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run `penstock run ROLE DIR …` as a process."""
        with (self.directory / f"{'-'.join(words)}.log").open("ab") as log:
            command = penstock("run", words[0], str(self.directory), *words[1:])
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            end(process)

    @contextlib.contextmanager
    def up(self, *options: str) -> Iterator["Up"]:
        """Run `penstock up DIR` as a process, as it is without a terminal."""
        with (self.directory / "up.log").open("ab") as log:
            start = log.tell()
            process = subprocess.Popen(
                penstock("up", str(self.directory), *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        up = Up(self, process, start)
        try:
            yield up
        finally:
            end(process)
            until(lambda: not up.left(), f"processes are left: {up.left()}", 10)


@dataclass
class Up:
    """A running `penstock up`."""

    ecosystem: Ecosystem
    process: "subprocess.Popen[bytes]"
    start: int
    """Where in the log this run's lines begin."""

    def wait_in_force(self, timeout_s: float = 120.0) -> None:
        """Return when the documents are in force."""

        def in_force() -> bool:
            said = self.said()
            assert self.process.poll() is None, said
            return "is in force" in said or "nothing to do" in said

        try:
            until(in_force, "the documents are not in force", timeout_s)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.told()}") from None

    def said(self) -> str:
        """Return what it has written so far."""
        return (self.ecosystem.directory / "up.log").read_bytes()[self.start :].decode()

    def told(self, lines: int = 12) -> str:
        """Return the last lines of it and of its roles, for who must find out why it stands."""
        logs = sorted((self.ecosystem.directory / ".penstock" / "run").glob("*.log"))
        ends = [f"{log.name}:\n" + "\n".join(log.read_text().splitlines()[-lines:]) for log in logs]
        return "\n".join([f"up says:\n{self.said()}", f"processes: {self.left()}", *ends])

    def interrupt(self) -> tuple[int, float]:
        """Press Ctrl-C; return the exit code and how many seconds it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30), time.monotonic() - started

    def left(self) -> list[int]:
        """Return the processes of this run that still run, itself included."""
        return [pid for pid in running_pids() if session_of(pid) == self.process.pid]


def make(directory: Path) -> Ecosystem:
    """Copy the example's documents to `directory` and return the ecosystem there."""
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("*.py", "__pycache__", "inbox", ".penstock"))
    for dataset in SUFFIX:
        (directory / "inbox" / dataset).mkdir(parents=True)
    return Ecosystem(directory)


def generated(n: int, seed: int, bad: int = 0) -> tuple[list[Fed], Counter[str]]:
    """Return what `generate.py` writes: the good events, and how many rows it spoils, by reason."""
    writers = {dataset: generate.Writer(_Nowhere(), dataset, seed, bad) for dataset in SUFFIX}
    good = []
    for dataset, event in generate.events(seed, n):
        spoilt = sum(writers[dataset].faulty.values())
        writers[dataset].add(event)
        if sum(writers[dataset].faulty.values()) == spoilt:
            good.append((dataset, event))
    return good, sum((Counter(writer.faulty) for writer in writers.values()), Counter())


class _Nowhere:
    """A folder into which nothing is written, since no writer is flushed."""

    def mkdir(self, **_: Any) -> None: ...


def events(n: int, seed: int) -> list[Fed]:
    return list(generate.events(seed, n))


def ndjson_of(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def csv_of(rows: Iterable[Mapping[str, Any]]) -> bytes:
    flat = [generate.flat(dict(row)) for row in rows]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return out.getvalue().encode()


def penstock(*words: str) -> list[str]:
    return [sys.executable, "-m", "penstock", *words]


def cli(*words: str, stdin: str = "") -> Done:
    """Run a command in this process, its entry point included: starting Python takes longer than most of them."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv, standard_input = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["penstock", *words], io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    finally:
        sys.argv, sys.stdin = argv, standard_input
    return Done(code, out.getvalue(), err.getvalue())


def kill(pid: int) -> bool:
    """End a process as a crash would; it is one that `penstock up`, which we started, has started. False: none is."""
    if not is_running(pid):
        return False
    os.kill(pid, signal.SIGKILL)
    return True


def end(process: "subprocess.Popen[bytes]") -> int:
    """Ask a process to end; return its exit code."""
    process.terminate()
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def running_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if is_running(int(path.name))]


def session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def gone(pids: Iterable[int]) -> bool:
    return not any(is_running(pid) for pid in pids)
