"""The supervisor with real processes: they come back, they give up, and none is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from penstock.ops import slot as slots
from penstock.ops.processes import is_running, read_status
from penstock.ops.slot import RoleCommand, RoleState
from penstock.ops.supervisor import Supervisor
from penstock.schemas.errors import ConfigurationError, UnavailableError

SLEEP = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def wait(until: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


@pytest.fixture
def started() -> Iterator[Callable[..., Supervisor]]:
    running: list[Supervisor] = []

    def start(*commands: RoleCommand) -> Supervisor:
        supervisor = Supervisor(commands)
        running.append(supervisor)
        supervisor.start()
        return supervisor

    yield start
    for supervisor in running:
        supervisor.stop()


@pytest.fixture
def role(tmp_path: Path) -> Callable[..., RoleCommand]:
    def make(name: str, program: str, ready: Callable[[], bool] | None = None, **env: str) -> RoleCommand:
        return RoleCommand(
            name, [sys.executable, "-c", program], {**os.environ, **env}, tmp_path / f"{name}.log", ready
        )

    return make


def always() -> bool:
    return True


def state(supervisor: Supervisor, name: str) -> RoleState:
    return next(role for role in supervisor.snapshot() if role.name == name)


def pid(supervisor: Supervisor, name: str) -> int:
    wait(lambda: state(supervisor, name).pid is not None)
    found = state(supervisor, name).pid
    assert found is not None
    return found


def test_a_killed_role_is_started_again_in_its_slot(started, role) -> None:
    supervisor = started(role("a", SLEEP), role("b", SLEEP))
    first, other = pid(supervisor, "a"), pid(supervisor, "b")
    os.kill(first, signal.SIGKILL)
    wait(lambda: state(supervisor, "a").restarts == 1 and state(supervisor, "a").state == "running")
    assert pid(supervisor, "a") != first
    assert "signal 9" in state(supervisor, "a").reason
    assert (pid(supervisor, "b"), state(supervisor, "b").restarts) == (other, 0)


def test_restarts_wait_longer_each_time_and_start_anew_after_health(started, role, monkeypatch) -> None:
    starts: list[float] = []
    spawn = slots.Slot._spawn

    def seen(self, log):
        starts.append(time.monotonic())
        return spawn(self, log)

    monkeypatch.setattr(slots.Slot, "_spawn", seen)
    monkeypatch.setattr(slots, "BACKOFF_MOST_S", 0.4)
    started(role("a", "pass"))
    wait(lambda: len(starts) >= 5)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps[0] >= 0.1
    assert gaps[1] >= 0.2
    assert all(gap >= 0.4 for gap in gaps[2:])
    monkeypatch.setattr(slots, "HEALTHY_AFTER_S", 0.0)
    count = len(starts)
    wait(lambda: len(starts) >= count + 4)
    assert min(later - earlier for earlier, later in pairwise(starts[count:])) < 0.35


@pytest.mark.parametrize("code", [2, 3])
def test_a_role_whose_documents_or_configuration_are_wrong_is_given_up(started, role, code: int) -> None:
    program = f"import sys; print('starting'); sys.stderr.write('penstock: port is not set\\n\\n'); sys.exit({code})"
    supervisor = started(role("a", program), role("b", SLEEP))
    wait(lambda: state(supervisor, "a").state == "failed")
    time.sleep(0.3)
    shown = state(supervisor, "a")
    assert (shown.reason, shown.restarts, shown.pid) == ("port is not set", 0, None)
    assert is_running(pid(supervisor, "b"))
    with pytest.raises(ConfigurationError, match="the role a cannot run: port is not set"):
        supervisor.wait_ready(5)


def test_a_role_that_served_others_before_comes_back_when_what_stopped_it_is_over(started, role, tmp_path) -> None:
    """Kafka on a disk that is full ends with 3 until there is room again."""
    full = tmp_path / "full"
    program = f"import os, sys, time; os.path.exists({str(full)!r}) and sys.exit(3); time.sleep(600)"
    supervisor = started(role("a", program, always))
    wait(lambda: state(supervisor, "a").state == "running")
    full.touch()
    os.kill(pid(supervisor, "a"), signal.SIGKILL)
    wait(lambda: state(supervisor, "a").restarts >= 2)
    assert "code 3" in state(supervisor, "a").reason
    full.unlink()
    wait(lambda: state(supervisor, "a").state == "running")


def test_another_error_is_told_and_tried_again(started, role) -> None:
    supervisor = started(role("a", "raise SystemExit('penstock: no broker')"))
    wait(lambda: state(supervisor, "a").restarts >= 2)
    assert state(supervisor, "a").reason == "no broker"
    with pytest.raises(UnavailableError, match="the role a is still"):
        supervisor.wait_ready(0)


def test_roles_start_behind_the_one_they_need(started, role, tmp_path: Path) -> None:
    door = tmp_path / "open"
    supervisor = started(role("broker", SLEEP, ready=door.exists), role("exchange", SLEEP))
    pid(supervisor, "broker")
    time.sleep(0.3)
    assert [shown.state for shown in supervisor.snapshot()] == ["starting", "waiting"]
    door.touch()
    supervisor.wait_ready(5)
    assert [shown.state for shown in supervisor.snapshot()] == ["running", "running"]


def test_a_ready_that_raises_means_not_yet(started, role) -> None:
    answers = iter([OSError("refused"), UnavailableError("not yet")])

    def ready() -> bool:
        answer = next(answers, None)
        if answer is not None:
            raise answer
        return True

    started(role("broker", SLEEP, ready=ready)).wait_ready(5)


def test_roles_end_in_reverse_order_each_after_those_that_need_it(started, role, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    program = (
        "import os, signal, time\n"
        "def end(*_):\n"
        f"    time.sleep(0.2); open({str(ended)!r}, 'a').write(os.environ['ME'] + '\\n'); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)\n"
    )
    names = ["broker", "gateway", "exchange", "connectors"]
    commands = [role(name, program, always if name in names[:2] else None, ME=name) for name in names]
    supervisor = started(*commands)
    wait(lambda: all(command.log.exists() and "up" in command.log.read_text() for command in commands))
    supervisor.stop()
    order = ended.read_text().split()
    assert sorted(order[:2]) == ["connectors", "exchange"]
    assert order[2:] == ["gateway", "broker"]
    assert {shown.state for shown in supervisor.snapshot()} == {"stopped"}


@pytest.mark.alone
def test_stop_takes_at_most_ten_seconds_though_roles_ignore_it(started, role) -> None:
    commands = [
        role("broker", DEAF, always),
        role("gateway", DEAF, always),
        role("a", DEAF),
        role("b", DEAF),
    ]
    supervisor = started(*commands)
    wait(lambda: all(command.log.exists() and "deaf" in command.log.read_text() for command in commands))
    pids = [pid(supervisor, command.name) for command in commands]
    begun = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - begun < 10
    assert not any(is_running(one) for one in pids)


def test_grandchildren_end_with_their_role(started, role, tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {DEAF!r}])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid) + '\\n'); time.sleep(600)\n"
    )
    supervisor = started(role("a", program))
    wait(lambda: note.exists() and note.read_text().endswith("\n"))
    grandchild = int(note.read_text())
    supervisor.stop()
    wait(lambda: not is_running(grandchild))


def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    program = f"""
import os, sys, time
from itertools import pairwise
from pathlib import Path
from penstock.ops.supervisor import RoleCommand, Supervisor
here = Path({str(tmp_path)!r})
argv = [sys.executable, "-c", {DEAF!r}]
supervisor = Supervisor([RoleCommand(name, argv, None, here / f"{{name}}.log") for name in ("a", "b")])
supervisor.start()
supervisor.wait_ready(10)
while not all((here / f"{{name}}.log").read_text() for name in ("a", "b")):
    time.sleep(0.01)
print(*(role.pid for role in supervisor.snapshot()), flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert len(children) == 2
        assert all(is_running(child) for child in children)
        parent.kill()
    wait(lambda: not any(is_running(child) for child in children), 5)


def test_an_interrupt_from_the_keyboard_reaches_no_role(started, role) -> None:
    supervisor = started(role("a", SLEEP))
    assert os.getpgid(pid(supervisor, "a")) == pid(supervisor, "a") != os.getpgid(0)


def test_output_is_appended_to_the_log_and_only_new_lines_are_told(started, role, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("penstock: of yesterday\n")
    supervisor = started(role("a", "raise SystemExit(3)"))
    wait(lambda: state(supervisor, "a").state == "failed")
    assert state(supervisor, "a").reason == "it ended with exit code 3"
    assert (tmp_path / "a.log").read_text().startswith("penstock: of yesterday\n")


def test_a_log_that_cannot_be_written_is_told_and_tried_again(started, role, tmp_path: Path) -> None:
    (tmp_path / "a.log").mkdir()
    supervisor = started(role("a", SLEEP))
    wait(lambda: state(supervisor, "a").restarts >= 1)
    assert "cannot be started" in state(supervisor, "a").reason
    (tmp_path / "a.log").rmdir()
    wait(lambda: state(supervisor, "a").state == "running")


def test_stopping_what_never_started_is_nothing(role) -> None:
    Supervisor([role("a", SLEEP)]).stop()
    assert Supervisor([]).snapshot() == ()


@pytest.fixture
def worker(tmp_path: Path) -> RoleCommand:
    """A role that runs without Kafka, may come from the spare process, and writes down its own number."""
    nobody = "cluster:\n  bootstrap: 127.0.0.1:1\n"
    (tmp_path / "ecosystem.yaml").write_text(f"version: 1\nid: alone\ntitle: Alone\n{nobody}store: sqlite\n")
    argv = [sys.executable, "-m", "penstock", "run", "exchange", str(tmp_path), "--dataset", "d"]
    return RoleCommand("worker", argv, None, tmp_path / "worker.log", from_spare=True)


def spare_of(supervisor: Supervisor) -> int:
    """Return the process of this one's children that waits, once there is one."""
    found: list[int] = []

    def is_there() -> bool:
        mine = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        children = {int(pid) for file in mine for pid in file.read_text().split()}
        roles = {one.pid for one in supervisor.snapshot()}
        found[:] = [pid for pid in children - roles if b"roles.spare" in command_line(pid)]
        return bool(found)

    wait(is_there)
    return found[0]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_the_spare_process_becomes_the_role_that_was_killed(started, worker, tmp_path) -> None:
    supervisor = started(worker)
    status = tmp_path / ".penstock" / "run" / "exchange-d-0.json"
    wait(lambda: (read_status(status) or {}).get("pid") == pid(supervisor, "worker"))
    spare = spare_of(supervisor)
    os.kill(pid(supervisor, "worker"), signal.SIGKILL)
    wait(lambda: state(supervisor, "worker").pid == spare)
    wait(lambda: (read_status(status) or {}).get("pid") == spare)
    wait(lambda: "exchange-d-0" in worker.log.read_text(), 30)
    assert spare_of(supervisor) != spare, "another one stands ready"


def test_a_spare_process_that_was_killed_is_no_loss(started, worker) -> None:
    supervisor = started(worker)
    spare = spare_of(supervisor)
    os.kill(spare, signal.SIGKILL)
    wait(lambda: not is_running(spare))
    first = pid(supervisor, "worker")
    os.kill(first, signal.SIGKILL)
    wait(lambda: state(supervisor, "worker").state == "running" and state(supervisor, "worker").pid != first)


def test_no_spare_process_is_left(started, worker) -> None:
    supervisor = started(worker)
    spare = spare_of(supervisor)
    supervisor.stop()
    wait(lambda: not is_running(spare))
