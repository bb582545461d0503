"""What the gateway tells besides: agreements by what is in force, disks, whom it turned away."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from penstock.ops.documents.load import load
from penstock.ops.home import Home
from penstock.ops.metrics import GatewayMetrics, read_page
from penstock.ops.metrics.gateway import state_of

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cross-border-tax"


@pytest.fixture
def home(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "e", ignore=shutil.ignore_patterns("*.py", "inbox", ".penstock"))
    return Home(tmp_path / "e")


@pytest.fixture
def in_force(home):
    """What a generation has of the example's documents, as far as metrics ask."""
    documents = load(home.root)
    held = {key: SimpleNamespace(agreement=one, status="in_force") for key, one in documents.agreements.items()}
    return SimpleNamespace(
        number=7, charter=documents.charter, agreements=held, contracts=dict.fromkeys(documents.contracts)
    )


def samples(metrics, name):
    return [(dict(labels), value) for labels, value in read_page(metrics.page().decode()).get(name, [])]


def test_before_the_first_apply_there_is_nothing_to_tell(home):
    metrics = GatewayMetrics()
    metrics.watch(lambda: None, home)
    assert samples(metrics, "penstock_agreement_status") == []
    assert samples(metrics, "penstock_generation") == [({}, 0)]


def test_each_agreement_is_in_one_state(home, in_force):
    metrics = GatewayMetrics()
    metrics.watch(lambda: in_force, home)
    suspended, *others = sorted(in_force.agreements)
    in_force.agreements[suspended].status = "suspended"
    found = {
        (labels["agreement"], labels["state"])
        for labels, value in samples(metrics, "penstock_agreement_status")
        if value == 1
    }
    by_validity = {"ee-fi-pilot-2025": "expired", "ee-fi-stat-2031": "not_yet_valid"}
    assert found == {(suspended, "suspended"), *((one, by_validity.get(one, "in_force")) for one in others)}
    assert samples(metrics, "penstock_generation") == [({}, 7)]
    expires = {
        labels["agreement"]: value for labels, value in samples(metrics, "penstock_agreement_expires_timestamp_seconds")
    }
    assert expires == {key: held.agreement.valid.until.timestamp() for key, held in in_force.agreements.items()}


def test_time_alone_moves_an_agreement_on(in_force):
    held = next(iter(in_force.agreements.values()))
    begins, ends = held.agreement.valid.from_.timestamp(), held.agreement.valid.until.timestamp()
    assert [state_of(held, at) for at in (begins - 1, begins, ends - 1, ends)] == [
        "not_yet_valid",
        "in_force",
        "in_force",
        "expired",
    ]
    held.status = "terminated"
    assert state_of(held, ends) == "terminated"


def test_the_disk_of_the_embedded_kafka_is_told_once_it_is_there(home):
    metrics = GatewayMetrics()
    metrics.watch(lambda: None, home)
    home.make()
    places = [labels["place"] for labels, _ in samples(metrics, "penstock_disk_free_bytes")]
    assert places == ["state"]
    home.broker.mkdir()
    free = {labels["place"]: value for labels, value in samples(metrics, "penstock_disk_free_bytes")}
    size = {labels["place"]: value for labels, value in samples(metrics, "penstock_disk_size_bytes")}
    assert set(free) == set(size) == {"state", "broker"}
    assert 0 < free["state"] < size["state"] == shutil.disk_usage(home.state).total


def test_who_is_turned_away_is_named_only_if_the_documents_do(home, in_force):
    metrics = GatewayMetrics()
    current = [None]
    metrics.watch(lambda: current[0], home)
    member = in_force.charter.members[0].id
    dataset = next(iter(in_force.contracts))
    metrics.access.refused("keys", member, "expired")
    current[0] = in_force
    metrics.access.refused("keys", member, "expired")
    metrics.access.refused("kafka", f"exchange.{dataset}", "authorization", 3)
    metrics.access.refused("kafka", "member.mari-maasikas", "authorization")
    metrics.access.refused("registry", None, "authentication")
    metrics.access.refused("cellar", member, "no reason of ours")
    found = {tuple(labels.values()): value for labels, value in samples(metrics, "penstock_access_refused_total")}
    assert found == {
        ("keys", "unknown", "expired"): 1,
        ("keys", member, "expired"): 1,
        ("kafka", f"exchange.{dataset}", "authorization"): 3,
        ("kafka", "unknown", "authorization"): 1,
        ("registry", "unknown", "authentication"): 1,
        ("unknown", member, "unknown"): 1,
    }
