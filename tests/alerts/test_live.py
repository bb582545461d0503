"""Real faults on a running ecosystem: the right alert fires, and clears when the cause is gone.

Every span of time in the rules is divided by 120, if a test says no more; Prometheus scrapes once a second.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ecosystem import until
from plant import AGREEMENT, DATASET, ENDING, PROMISING, RECIPIENT, STEADY, Plant, documents, small_disk
from prometheus import prometheus
from promtool import needed

from penstock.ops.alerts.files import rule_file
from penstock.ops.alerts.pace import Pace
from penstock.ops.processes import is_running

pytestmark = [pytest.mark.broker, pytest.mark.tier]  # make alerts
EXCHANGE, GATEWAY = f"exchange-{DATASET}-0", "gateway"
FASTER = Pace(1 / 120)
DISK_MB = 600


@pytest.fixture(scope="module")
def plant(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    needed("prometheus")
    folder = tmp_path_factory.mktemp("alerts")
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(small_disk(folder / "disk", DISK_MB))
        home = documents((disk or folder) / "city")
        up = stack.enter_context(home.up("--unsigned"))
        up.wait_in_force()
        targets = home.run / "prometheus-targets.json"
        watch = stack.enter_context(prometheus(folder / "prometheus", targets, rule_file(FASTER)))
        one = Plant(home, disk, watch)
        stack.callback(one.close)
        one.feed(True)
        one.drop(PROMISING, one.row())
        yield one


def test_several_faults_at_once_each_have_their_alert(plant: Plant) -> None:
    """A lost KEK, a nearly full disk, a suspended agreement, rubbish, a silent source, an end in sight."""
    plant.fires("PenstockAgreementExpires", agreement=ENDING)
    with contextlib.ExitStack() as faults:
        faults.enter_context(plant.suspended(AGREEMENT))
        faults.enter_context(plant.without_kek())
        if plant.disk is not None:
            faults.enter_context(plant.full_disk(DISK_MB * 1_048_576 // 40))
        with plant.spoiling(PROMISING):
            plant.fires("PenstockQuarantineRate", dataset=DATASET)
        if plant.disk is not None:
            plant.fires("PenstockDiskFilling", "critical", place="state")
            plant.fires("PenstockDiskFilling", "warning", place="state")
        plant.fires("PenstockKmsDown", role=EXCHANGE)
        plant.fires("PenstockAgreementAllWithheld", "warning", agreement=AGREEMENT)
        plant.fires("PenstockSourceSilent", source=PROMISING)
    plant.drop(PROMISING, plant.row())
    plant.clears("PenstockSourceSilent", source=PROMISING)
    plant.clears("PenstockDiskFilling", place="state")
    plant.clears("PenstockKmsDown")
    plant.clears("PenstockAgreementAllWithheld")
    plant.clears("PenstockQuarantineRate")
    plant.agreements("terminate", ENDING)
    plant.clears("PenstockAgreementExpires")


def test_a_full_disk_could_be_made(plant: Plant) -> None:
    if plant.disk is None and os.environ.get("PENSTOCK_REQUIRE_ALL") != "1":
        pytest.skip("this user may not mount a file system, so no disk could be filled")
    assert plant.disk is not None


def test_a_role_that_dies_again_and_again_is_down(plant: Plant) -> None:
    with plant.dying(f"connectors-{PROMISING}"):
        fired = plant.fires("PenstockRoleDown", role=f"connectors-{PROMISING}")
    assert fired["annotations"]["summary"] == f"connectors-{PROMISING} of starter does not answer"
    plant.clears("PenstockRoleDown")


def test_a_role_that_hangs_is_down_and_its_events_are_late(plant: Plant) -> None:
    with plant.frozen(EXCHANGE):
        plant.fires("PenstockRoleDown", "critical", role=EXCHANGE)
    plant.clears("PenstockRoleDown")
    with plant.stuttering():
        plant.fires("PenstockFreshnessBurn", "critical", timeout_s=60, dataset=DATASET)
        plant.fires("PenstockFreshnessBurn", "warning", timeout_s=120, dataset=DATASET)
    plant.clears("PenstockFreshnessBurn", "critical")
    plant.clears("PenstockFreshnessBurn", "warning", timeout_s=60)


def test_a_broker_that_is_killed_again_and_again_leaves_control_stale_and_all_goes_on_after_it(plant: Plant) -> None:
    with plant.dying("broker"):
        plant.fires("PenstockControlStale", role=EXCHANGE)
        plant.fires("PenstockControlStale", role=GATEWAY)
    until(plant.runs, "not every role runs again", 60)
    until(lambda: plant.released() > 0, "nothing flows again", 60)
    for alert in ("PenstockControlStale", "PenstockRoleWaiting", "PenstockRoleDown"):
        plant.clears(alert, timeout_s=60)


def test_a_broker_that_hangs_leaves_control_stale(plant: Plant) -> None:
    with plant.frozen("broker"):
        fired = plant.fires("PenstockControlStale", role=GATEWAY)
        assert fired["annotations"]["runbook_url"] == "docs/operations.md#penstockcontrolstale"
    plant.clears("PenstockControlStale")


def test_a_locked_key_store_is_down_and_the_exchange_waits_and_falls_behind(plant: Plant) -> None:
    with plant.store_locked():
        plant.fires("PenstockKeyStoreDown")
        plant.fires("PenstockLagHigh", dataset=DATASET)
        plant.fires("PenstockRoleWaiting", role=EXCHANGE)
    plant.clears("PenstockRoleWaiting")
    plant.clears("PenstockLagHigh")
    plant.clears("PenstockKeyStoreDown")


def test_a_disk_without_a_byte_left_is_told_and_all_goes_on_after_it(plant: Plant) -> None:
    """Kafka ends on it; there is room again, and it is started again by itself."""
    if plant.disk is None:
        pytest.skip("this user may not mount a file system, so no disk could be filled")
    broker = plant.pid("broker")
    with plant.no_byte_left():
        plant.fires("PenstockDiskFilling", "critical", place="broker")
        until(lambda: not is_running(broker), "Kafka goes on without room", 60)
    plant.clears("PenstockDiskFilling")
    until(plant.runs, "not every role runs again", 60)
    until(lambda: plant.released() > 0, "nothing flows again", 60)
    for alert in ("PenstockRoleDown", "PenstockRoleWaiting", "PenstockControlStale"):
        plant.clears(alert, timeout_s=60)


def test_an_agreement_whose_view_takes_nothing_is_parked_until_it_has_caught_up(plant: Plant) -> None:
    with plant.refused(f"view.{AGREEMENT}"):
        plant.fires("PenstockAgreementParked", agreement=AGREEMENT)
    plant.clears("PenstockAgreementParked", timeout_s=60)


def test_an_agreement_that_releases_nothing_for_a_day_is_told(plant: Plant, tmp_path: Path) -> None:
    """Under the eyes of a Prometheus for whose rules a day is twelve seconds."""
    targets = plant.home.run / "prometheus-targets.json"
    with prometheus(tmp_path, targets, rule_file(Pace(1 / 7200))) as watch:
        in_days = Plant(plant.home, None, watch)
        with plant.suspended(AGREEMENT):
            in_days.fires("PenstockAgreementAllWithheld", "info", timeout_s=60, agreement=AGREEMENT)
        in_days.clears("PenstockAgreementAllWithheld", "info", agreement=AGREEMENT)


def test_transactions_that_abort_are_told(plant: Plant) -> None:
    with plant.refused("penstock.audit"):
        plant.fires("PenstockTransactionsAborting", role=f"connectors-{DATASET}")
    plant.clears("PenstockTransactionsAborting")


def test_an_erasure_that_nobody_executes_and_a_recipient_that_does_not_answer_are_told(plant: Plant) -> None:
    person = plant.row()
    plant.drop(STEADY, person)
    with plant.erasure(person) as case:
        plant.fires("PenstockErasureUndone", timeout_s=90)
        plant.execute(case)
        plant.clears("PenstockErasureUndone")
        plant.fires("PenstockErasureOverdue", recipient=RECIPIENT)
    plant.clears("PenstockErasureOverdue", recipient=RECIPIENT)
