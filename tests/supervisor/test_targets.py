"""Where Prometheus finds the roles: the file they keep, what stays in it, and a whole configuration."""

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from penstock.ops.fences import count_fence, fences
from penstock.ops.health import LISTEN_ENV, RoleServer, ask
from penstock.ops.metrics import RoleMetrics, read_page
from penstock.ops.processes import read_status, write_status
from penstock.ops.targets import FILE, forget_role, prometheus_config, targets, withdraw
from penstock.schemas.errors import ConfigurationError, RoleExit


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "ecosystem.yaml").write_text("version: 1\nid: tax\ntitle: Tax\ncluster: embedded\n")
    return tmp_path / ".penstock" / "run"


def listed(run: Path) -> dict[str, str]:
    return {one["labels"]["role"]: one["targets"][0] for one in json.loads((run / FILE).read_text())}


def test_a_role_that_begins_is_listed_and_stays_when_it_ends(run: Path) -> None:
    with RoleServer("exchange-income-0", run, RoleMetrics()) as server:
        (target,) = json.loads((run / FILE).read_text())
        assert target["targets"] == [f"127.0.0.1:{server.port}"]
        assert target["labels"]["role"] == "exchange-income-0"
        assert target["labels"]["kind"] == "exchange"
        with RoleServer("gateway", run, RoleMetrics()):
            assert set(listed(run)) == {"exchange-income-0", "gateway"}
    assert set(listed(run)) == {"exchange-income-0", "gateway"}


def test_a_role_that_comes_back_keeps_its_port_where_it_can(run: Path) -> None:
    with RoleServer("gateway", run, RoleMetrics()) as server:
        first = server.port
        with RoleServer("gateway", run, RoleMetrics()) as younger:
            assert younger.port != first
    with RoleServer("gateway", run, RoleMetrics()) as server:
        assert server.port == younger.port


def test_what_is_taken_off_on_purpose_goes(run: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_status(run / "exchange-old-0.json", {"role": "exchange-old-0", "pid": gone.pid, "port": 1})
    with RoleServer("gateway", run, RoleMetrics()):
        assert set(listed(run)) == {"exchange-old-0", "gateway"}
        with pytest.raises(ConfigurationError, match="runs"):
            forget_role(run, "gateway")
        forget_role(run, "exchange-old-0")
        assert set(listed(run)) == {"gateway"}
    with pytest.raises(ConfigurationError, match="no role"):
        forget_role(run, "exchange-old-0")
    withdraw(run)
    assert listed(run) == {}


def test_the_file_and_the_command_say_the_same(run: Path) -> None:
    with RoleServer("gateway", run, RoleMetrics()):
        assert targets(run) == json.loads((run / FILE).read_text())


def test_a_configuration_names_the_file_and_the_rules(run: Path) -> None:
    text = prometheus_config(run / FILE, scrape_seconds=1, rules=("alerts.yml",))
    assert f'files: ["{run / FILE}"]' in text
    assert '  - "alerts.yml"' in text
    assert "scrape_interval: 1s" in text
    assert "job_name: penstock" in text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_pages_are_served_elsewhere_too(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv(LISTEN_ENV, f"localhost:{port}")
    with RoleServer("gateway", run, RoleMetrics()) as server:
        assert ask(port, "/metrics") is not None
        facts = read_status(run / "gateway.json")
        assert facts is not None
        assert facts["port"] == server.port != port
        assert ask(server.port, "/metrics") is not None


def test_the_pages_are_served_over_ipv6(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv(LISTEN_ENV, f"[::1]:{port}")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with (
        RoleServer("gateway", run, RoleMetrics()),
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://[::1]:{port}/metrics") as page,
    ):
        assert page.status == 200


@pytest.mark.parametrize("address", ["9464", "a", "127.0.0.1:", "127.0.0.1:none", "127.0.0.1:70000", ":9464"])
def test_an_address_that_is_none_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv(LISTEN_ENV, address)
    with pytest.raises(ConfigurationError, match=LISTEN_ENV), RoleServer("gateway", run, RoleMetrics()):
        pass


def test_an_address_that_is_taken_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv(LISTEN_ENV, f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConfigurationError, match="in use"), RoleServer("gateway", run, RoleMetrics()):
            pass


def fences_on_page(metrics: RoleMetrics) -> float:
    ((_, value),) = read_page(metrics.page().decode())["penstock_fences_total"]
    return value


def test_fences_outlive_the_process(run: Path) -> None:
    with pytest.raises(RoleExit), RoleServer("exchange-a-0", run, RoleMetrics()):
        raise RoleExit("replaced")
    younger = RoleMetrics()
    with RoleServer("exchange-a-0", run, younger):
        assert fences_on_page(younger) == 1
        count_fence(run, "exchange-a-0")  # the older process, on its way out, while the younger one serves
        assert fences_on_page(younger) == 2
    with pytest.raises(ValueError, match="other"), RoleServer("exchange-a-0", run, RoleMetrics()):
        raise ValueError("other")
    assert fences(run, "exchange-a-0") == 2
    assert fences(run, "exchange-b-0") == 0


def test_a_fence_that_cannot_be_counted_does_not_hide_the_end(run: Path) -> None:
    (run / "exchange-a-0.fences").mkdir(parents=True)
    metrics = RoleMetrics()
    with pytest.raises(RoleExit), RoleServer("exchange-a-0", run, metrics):
        raise RoleExit("replaced")
    assert fences_on_page(metrics) == 0
