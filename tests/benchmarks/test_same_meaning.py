"""Every engine that `make bench` measures does the work: what it writes means what the slow path's output means."""

import copy
import os

import pytest
from engines import ENGINES, why_absent
from meaning import compared, differences, expected
from stand import Stand
from workloads import payments, workload

from native import require_native

EVENTS = 300
SUBJECTS = 40
PEERS = [name for name in ENGINES if name != "ceiling"]

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module", params=["w0", "w1"])
def stand(request, kafka_installed, tmp_path_factory):
    with Stand(
        workload(request.param), tmp_path_factory.mktemp(request.param), EVENTS, warm_subjects=SUBJECTS
    ) as stand:
        yield stand


@pytest.fixture(scope="module")
def events():
    return list(payments(EVENTS, warm=SUBJECTS))


@pytest.mark.parametrize("name", PEERS)
def test_what_an_engine_writes_means_the_same(stand, events, name):
    if name == "penstock_native":
        require_native()
    absent = why_absent(name, fetch=os.environ.get("PENSTOCK_REQUIRE_ALL") == "1")
    if absent:
        pytest.skip(absent)
    engine = ENGINES[name]
    assert compared(stand, engine, engine.tried[0], events) == []


def test_two_workers_share_the_work(stand, events):
    assert compared(stand, ENGINES["slow_path"], ENGINES["slow_path"].tried[0], events, workers=2) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows.popitem(), "1 missing"),
        (lambda rows: _first(rows).update(office="elsewhere"), "office"),
        (lambda rows: _first(rows).update(payee_name="somebody"), "payee_name"),
        (lambda rows: _first(rows).update(more=1), "other fields"),
        (lambda rows: rows.update({next(iter(rows)): (b"another", _first(rows))}), "record key"),
    ],
)
def test_a_difference_is_seen(stand, spoil, said):
    order, some = stand.order, list(payments(40, warm=SUBJECTS))
    originals = {at: row for at, (_, row) in expected(stand, some)[order.views[1].agreement].items()}
    wanted = expected(stand, some)
    found = copy.deepcopy(wanted)
    spoil(found[order.views[1].agreement])
    told = differences(order, wanted, found, originals)
    assert any(said in line for line in told)


def _first(rows):
    return next(iter(rows.values()))[1]
