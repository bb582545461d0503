"""Options of an HTTP source: an unknown or unfit one is an error."""

from pathlib import Path

import pytest

from penstock.connectors.http.options import HttpOptions
from penstock.connectors.http.rate import Rate
from penstock.schemas.errors import ConfigurationError


@pytest.mark.parametrize(
    "options",
    [
        {"prot": 1},
        {"port": 70_000},
        {"port": True},
        {"host": ""},
        {"host": "0.0.0.0"},  # noqa: S104 - it is refused
        {"host": "example.org"},
        {"certificate_file": "a"},
        {"client_ca_file": "a"},
        {"key_file": 7, "certificate_file": "a"},
        {"max_body_bytes": 0},
        {"max_records": 1.5},
        {"max_records": 30_000},
        {"queue_bytes": 100},
        {"body_seconds": 0},
        {"rate_per_second": -1},
        {"rate_per_second": float("nan")},
    ],
)
def test_unfit_options_are_refused_with_their_place(options):
    with pytest.raises(ConfigurationError) as refused:
        HttpOptions.of(options, "gate")
    assert refused.value.place == "gate"


def test_files_lie_below_the_ecosystem():
    said = HttpOptions.of({"host": "0.0.0.0", "certificate_file": "tls/a.pem", "key_file": "tls/a.pem"}, "gate")  # noqa: S104 - not bound
    assert said.listen(Path("/eco")).certificate_file == "/eco/tls/a.pem"
    assert HttpOptions.of({"host": "::1", "port": 8080}, "gate").listen(Path("/eco")).port == 8080


def test_a_rate_lets_a_burst_in_and_then_its_debt_out():
    now = [100.0]
    rate = Rate(10, lambda: now[0])
    assert rate.wait_s("a") == 0
    rate.spend("a", 50)  # 20 were saved up
    assert rate.wait_s("a") == 3
    assert rate.wait_s("b") == 0
    now[0] += 3
    assert rate.wait_s("a") == 0
    rate.spend("a", 1)
    assert rate.wait_s("a") == pytest.approx(0.1)
    unlimited = Rate(0)
    unlimited.spend("a", 10**9)
    assert unlimited.wait_s("a") == 0
