"""The broker as a role under a parent, and detached from the command that started it."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from penstock.ops import processes
from penstock.ops.broker import daemon
from penstock.ops.broker.probe import broker_answers, wait_ready
from penstock.ops.broker.storage import lock_holder
from penstock.ops.home import Home
from penstock.schemas.errors import UnavailableError

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("kafka_installed")]


@pytest.fixture
def ecosystem(tmp_path):
    yield tmp_path
    daemon.stop_detached(tmp_path)


def parent_of_a_role(ecosystem):
    """A process that starts the role as `penstock up` does, says its id and waits."""
    script = f"""
        import subprocess, sys, time
        role = "from penstock.ops.broker.role import run_broker; run_broker({str(ecosystem)!r})"
        child = subprocess.Popen([sys.executable, "-c", role])
        print(child.pid, flush=True)
        time.sleep(300)
    """
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)


def test_the_role_is_kafka_itself_and_ends_with_its_parent(ecosystem, wait_until):
    with parent_of_a_role(ecosystem) as parent:
        pid = int(parent.stdout.readline())
        wait_until((Home(ecosystem).run / "broker.json").exists)
        facts = processes.read_status(Home(ecosystem).run / "broker.json")
        wait_ready(facts["bootstrap"], 60, alive=lambda: processes.is_running(pid))
        assert facts["pid"] == pid == lock_holder(Home(ecosystem).broker)
        assert daemon.status(ecosystem) == {**facts, "state": "running", "replicas": 1}
        parent.kill()
    wait_until(lambda: daemon.status(ecosystem) == {"state": "stopped"})
    assert not processes.is_running(pid)


def test_detached_it_is_started_once_found_and_stopped(ecosystem):
    assert daemon.status(ecosystem) == {"state": "stopped"}
    assert not daemon.stop_detached(ecosystem)
    bootstrap = daemon.start_detached(ecosystem)
    assert broker_answers(bootstrap)
    status = daemon.status(ecosystem)
    assert (status["state"], status["bootstrap"]) == ("running", bootstrap)
    assert daemon.start_detached(ecosystem) == bootstrap
    assert daemon.status(ecosystem) == status
    assert os.getsid(status["pid"]) == status["pid"]  # no Ctrl-C at our terminal reaches it
    assert daemon.stop_detached(ecosystem)
    assert not (Home(ecosystem).run / "broker.json").exists()
    assert daemon.status(ecosystem) == {"state": "stopped"}


def test_a_crashed_one_is_seen_as_stopped_and_a_hung_one_as_not_answering(ecosystem, wait_until):
    bootstrap = daemon.start_detached(ecosystem)
    running = daemon.status(ecosystem)
    os.kill(running["pid"], signal.SIGSTOP)
    wait_until(lambda: daemon.status(ecosystem)["state"] == "not answering")  # its threads stop one by one
    os.kill(running["pid"], signal.SIGKILL)
    wait_until(lambda: daemon.status(ecosystem) == {"state": "stopped"})
    assert (Home(ecosystem).run / "broker.json").exists()
    assert daemon.start_detached(ecosystem) == bootstrap


def test_why_it_did_not_start_is_said(ecosystem, monkeypatch):
    monkeypatch.setenv("PENSTOCK_BROKER_JVM_OPTIONS", "-Xms1g -Xmx9m")
    with pytest.raises(UnavailableError, match=r"ended before it answered: (?s:.*)maximum heap size"):
        daemon.start_detached(ecosystem)
    assert daemon.status(ecosystem) == {"state": "stopped"}


class TestProcesses:
    def test_a_zombie_and_a_process_that_never_was_do_not_run(self, wait_until):
        with subprocess.Popen([sys.executable, "-c", ""]) as child:
            wait_until(lambda: not processes.is_running(child.pid))
        assert not processes.is_running(2**22 + 1)
        assert processes.is_running(os.getpid())
        assert processes.is_running(1)

    def test_a_process_whose_parent_is_gone_already_does_not_start(self):
        with subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from penstock.ops.processes import die_with_parent; die_with_parent(1); print('ran')",
            ],
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdout.read() == b""
        assert child.returncode == 1

    def test_a_status_file_is_read_back_and_a_damaged_one_is_none(self, tmp_path):
        file = tmp_path / "run" / "x.json"
        assert processes.read_status(file) is None
        processes.write_status(file, {"pid": 1})
        assert processes.read_status(file) == {"pid": 1}
        assert [path.name for path in file.parent.iterdir()] == ["x.json"]
        for damage in ("", "[]", "{"):
            file.write_text(damage)
            assert processes.read_status(file) is None
