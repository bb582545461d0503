"""A small ecosystem at work under the eyes of a Prometheus, on a small disk, and the faults that happen to it."""

import contextlib
import itertools
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from ecosystem import Ecosystem, cli, until
from prometheus import Prometheus

from penstock.ops.documents.sign import keygen
from penstock.ops.processes import is_running, read_status
from penstock.ops.wiring import Wiring

DATASET, AGREEMENT, ENDING = "parking-permits", "city-transport-permits", "city-transport-ending"
STEADY, PROMISING = "parking-permits", "night-desk"
PROVIDER, RECIPIENT = "city", "transport"
ROWS = 60
BEAT_S = 0.5
HELD_S = 4.0
"""Longer than an event may take, by far."""


class Plant:
    """What the tests do to the ecosystem in `home`, and what Prometheus says of it."""

    def __init__(self, home: Ecosystem, disk: Path | None, watch: Prometheus) -> None:
        self.home = home
        self.disk = disk
        self.watch = watch
        self._serials = itertools.count(1)
        self._feeding = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="feed", daemon=True)

    # What goes in

    def row(self, **changes: Any) -> dict[str, Any]:
        number = next(self._serials)
        holder = {"national_id": f"X-{number}", "name": f"Person {number}", "birth_date": "1970-05-01"}
        return {
            "permit_id": f"3f1c0f5e-8f3e-4d55-9d1c-{number:012d}",
            "issued_at": "2026-06-01T08:00:00Z",
            "holder": holder,
            "zone": "CENTRE",
            "fee_cents": 4500,
            **changes,
        }

    def drop(self, source: str, *rows: dict[str, Any]) -> None:
        folder = self.home.directory / "inbox" / source
        name = f"{next(self._serials):08d}.ndjson"
        (folder / f".{name}").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / f".{name}").rename(folder / name)

    def feed(self, on: bool) -> None:  # noqa: FBT001 - a switch
        """Let a file of good rows come every half second, or no more."""
        (self._feeding.set if on else self._feeding.clear)()
        if self._thread.ident is None:
            self._thread.start()

    def _feed(self) -> None:
        while not self._ended.wait(BEAT_S):
            if self._feeding.is_set():
                with contextlib.suppress(OSError):  # the disk is full, for a test
                    self.drop(STEADY, *(self.row() for _ in range(ROWS)))

    def close(self) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    # What is seen

    def fires(self, alert: str, severity: str = "", timeout_s: float = 40.0, **labels: str) -> dict[str, Any]:
        """Wait until `alert` fires, for series with `labels`; return its labels and annotations."""
        found = self._until(lambda: self._firing(alert, severity, labels), f"{alert} does not fire", timeout_s)
        return dict(found[0])

    def clears(self, alert: str, severity: str = "", timeout_s: float = 40.0, **labels: str) -> None:
        self._until(lambda: not self._firing(alert, severity, labels), f"{alert} does not clear", timeout_s)

    def _until(self, holds: Callable[[], Any], what: str, timeout_s: float) -> Any:
        try:
            return until(holds, what, timeout_s)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.told()}") from None

    def told(self) -> str:
        """What fires now, and what the roles wrote last, for a failure's message."""
        firing = [one["labels"] for several in self.watch.firing().values() for one in several]
        logs = "\n".join(path.read_text(errors="replace")[-600:] for path in sorted(self.home.run.glob("*-*.log")))
        return f"{firing}\n{logs}"

    def _firing(self, alert: str, severity: str, labels: dict[str, str]) -> list[dict[str, Any]]:
        return [
            one
            for (name, how_bad), several in self.watch.firing().items()
            for one in several
            if name == alert and severity in ("", how_bad) and labels.items() <= one["labels"].items()
        ]

    # What happens

    def pid(self, role: str) -> int:
        return int((read_status(self.home.run / f"{role}.json") or {}).get("pid", 0))

    @contextlib.contextmanager
    def frozen(self, role: str) -> Iterator[None]:
        """A process that hangs."""
        pid = self.pid(role)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def dying(self, role: str) -> Iterator[None]:
        """A process that is killed again and again as soon as it is there."""
        over = threading.Event()
        killer = threading.Thread(target=self._kill_until, args=(role, over))
        killer.start()
        try:
            yield
        finally:
            over.set()
            killer.join()

    def _kill_until(self, role: str, over: threading.Event) -> None:
        while not over.wait(0.05):
            pid = self.pid(role)
            if pid and is_running(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def without_kek(self) -> Iterator[None]:
        kek = self.home.directory / ".penstock" / "kek"
        kek.rename(kek.with_name("kek.away"))
        try:
            yield
        finally:
            kek.with_name("kek.away").rename(kek)

    @contextlib.contextmanager
    def store_locked(self) -> Iterator[None]:
        """Somebody keeps the key store locked for writing."""
        other = sqlite3.connect(self.home.directory / ".penstock" / "store.db", timeout=30, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()

    @contextlib.contextmanager
    def stuttering(self) -> Iterator[None]:
        """The key store is held for seconds, again and again: events are late, and roles can be scraped meanwhile."""
        over = threading.Event()
        holder = threading.Thread(target=self._hold_until, args=(over,))
        holder.start()
        try:
            yield
        finally:
            over.set()
            holder.join()

    @contextlib.contextmanager
    def spoiling(self, source: str) -> Iterator[None]:
        """A source's rows are rubbish, twenty at each beat."""
        over = threading.Event()
        spoiler = threading.Thread(target=self._spoil_until, args=(source, over))
        spoiler.start()
        try:
            yield
        finally:
            over.set()
            spoiler.join()

    def _spoil_until(self, source: str, over: threading.Event) -> None:
        while not over.wait(BEAT_S):
            self.drop(source, *(self.row(fee_cents="much") for _ in range(20)))

    @contextlib.contextmanager
    def suspended(self, agreement: str) -> Iterator[None]:
        self.agreements("suspend", agreement)
        try:
            yield
        finally:
            self.agreements("resume", agreement)

    def _hold_until(self, over: threading.Event) -> None:
        while not over.wait(HELD_S / 8):
            with self.store_locked():
                over.wait(HELD_S)

    @contextlib.contextmanager
    def full_disk(self, leave: int) -> Iterator[None]:
        """All of the disk is taken but `leave` bytes."""
        assert self.disk is not None
        filler = self.disk / "filler"
        space = os.statvfs(self.disk)
        try:
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, space.f_bavail * space.f_frsize - leave))
            yield
        finally:
            filler.unlink(missing_ok=True)

    @contextlib.contextmanager
    def no_byte_left(self) -> Iterator[None]:
        """All of the disk is taken, also what others give back meanwhile."""
        assert self.disk is not None
        filler, over = self.disk / "filler", threading.Event()
        taker = threading.Thread(target=_take_all, args=(filler, over))
        taker.start()
        try:
            yield
        finally:
            over.set()
            taker.join()
            filler.unlink(missing_ok=True)

    def runs(self) -> bool:
        """Say whether every role runs."""
        rows = {row["role"]: row["state"] for row in cli("status", str(self.home.directory), "--json").json}
        return set(rows.values()) == {"running"}

    def released(self) -> float:
        """Return how many events were released in the last seconds; a process that begins anew counts from nothing."""
        return sum(value for _, value in self.watch.query("sum(increase(penstock_events_released_total[5s]))"))

    @contextlib.contextmanager
    def refused(self, name: str) -> Iterator[None]:
        """Kafka takes no more records into a topic, as after somebody lowered its limit."""
        self._limit(name, AlterConfigOpType.SET)
        try:
            yield
        finally:
            self._limit(name, AlterConfigOpType.DELETE)

    def _limit(self, name: str, how: AlterConfigOpType) -> None:
        entry = ConfigEntry("max.message.bytes", "100", incremental_operation=how)
        topic = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
        admin = AdminClient(dict(Wiring(self.home.directory).cluster().client()))
        admin.incremental_alter_configs([topic])[topic].result(20)

    @contextlib.contextmanager
    def erasure(self, person: dict[str, Any]) -> Iterator[str]:
        """A case about a person, approved and not executed; at the end its recipient answers."""
        identifier = person["holder"]["national_id"]
        until(lambda: self.command("disclosures", stdin=identifier) != [], "nothing of the person was released")
        case = str(self.command("erasure", "request", "--as", "desk", stdin=identifier)["case"])
        self.command("erasure", "decide", case, "--as", "dpo", "--grant")
        self.command("erasure", "approve", case, "--as", "deputy")
        yield case
        key = str(key_of(self.home.directory, RECIPIENT))
        self.command("erasure", "receipt", case, "--as", RECIPIENT, "--key", key)

    def execute(self, case: str) -> None:
        key = str(key_of(self.home.directory, PROVIDER))
        self.command("erasure", "execute", case, "--as", PROVIDER, "--key", key, "--answer-within", "PT1S")

    def command(self, *words: str, stdin: str = "") -> Any:
        return cli(*words, "--in", str(self.home.directory), "--json", stdin=stdin).json

    def agreements(self, verb: str, agreement: str) -> None:
        done = cli("agreements", verb, agreement, "--in", str(self.home.directory))
        assert done.code == 0, done.err


def _take_all(filler: Path, over: threading.Event) -> None:
    with filler.open("wb", buffering=0) as file:
        size = 1 << 20
        while not over.is_set():
            try:
                file.write(b"x" * size)
            except OSError:
                size = max(1, size // 2)
                over.wait(0.02)


def documents(directory: Path) -> Ecosystem:
    """The starter with a source that promises a rhythm, and an agreement that ends in ten days."""
    assert cli("init", str(directory)).code == 0
    for source in (STEADY, PROMISING):
        (directory / "inbox" / source).mkdir(parents=True, exist_ok=True)
    with (directory / "connectors.yaml").open("a") as page:
        page.write(
            f"  - id: {PROMISING}\n    kind: file\n    dataset: {DATASET}\n    path: inbox/{PROMISING}\n"
            "    format: ndjson\n    silence_after: PT6S\n"
        )
    text = (directory / "agreements" / f"{AGREEMENT}.yaml").read_text()
    until_then = (datetime.now(UTC) + timedelta(days=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = text.replace(f"id: {AGREEMENT}", f"id: {ENDING}")
    text = re.sub(r"(\n  until: )\S+", rf"\g<1>{until_then}", text)
    (directory / "agreements" / f"{ENDING}.yaml").write_text(text)
    _give_keys(directory)
    return Ecosystem(directory)


def _give_keys(directory: Path) -> None:
    """Let the charter name keys of both parties whose private halves are beside it."""
    charter = directory / "charter.yaml"
    text = charter.read_text()
    for member in (PROVIDER, RECIPIENT):
        public = keygen(key_of(directory, member))
        text, times = re.subn(rf"( +)(- id: {member}\n)", rf"\g<1>\g<2>\g<1>  public_key: {public}\n", text)
        assert times == 1, member
    charter.write_text(text)


def key_of(directory: Path, member: str) -> Path:
    return directory.parent / f"{member}.pem"


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path | None]:
    """A file system of its own in `folder`; None where this user may not mount one."""
    folder.mkdir()
    words = ["/bin/mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "penstock-test", str(folder)]
    mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)
