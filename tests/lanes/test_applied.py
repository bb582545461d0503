"""An agreement on the past, as people put it in force, on a guarded Kafka with the roles' own rights."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples" / "cross-border-tax"))

from ecosystem import cli, events, make, until  # noqa: E402 - it needs the example's generator

from penstock.ops.wiring import Wiring  # noqa: E402 - as above
from penstock.streams.totals import Totals  # noqa: E402 - as above

pytestmark = pytest.mark.broker
OLD, NEW = "ee-stat-wages", "ee-stat-past"


def test_apply_makes_the_past_of_an_agreement_and_the_exchange_serves_it(kafka_installed, tmp_path):
    ecosystem = make(tmp_path / "ecosystem")
    with ecosystem.up("--unsigned") as up:
        up.wait_in_force()
        ecosystem.feed(events(300, seed=5))
        wiring = Wiring(ecosystem.directory)
        with closing(Totals(wiring.cluster())) as totals:

            def decided(agreement):
                """Counts of an agreement, once nothing is put aside."""
                totals.catch_up()
                found = totals.agreements.get(agreement)
                return found and "parked" not in found.withheld and (found.delivered, dict(found.withheld))

            until(lambda: decided(OLD) and not any(ecosystem.directory.glob("inbox/*/*.*")), "nothing flows")
            until(lambda: _idle(totals), "the exchange is not done")
            text = (ecosystem.directory / "agreements" / f"{OLD}.yaml").read_text()
            past = text.replace(f"id: {OLD}", f"id: {NEW}", 1) + "\nstart: earliest\non_resume: catch-up\n"
            (ecosystem.directory / "agreements" / f"{NEW}.yaml").write_text(past)
            done = cli("apply", str(ecosystem.directory), "--unsigned")
            assert done.code == 0, done.err
            until(lambda: decided(NEW) == decided(OLD), "it does not catch up")
            assert decided(NEW)[0] > 0
            rows = {row["agreement"]: row for row in ecosystem.cli("agreements", "list", "--json").json}
            assert rows[NEW]["behind"] == rows[OLD]["behind"] == ""


def _idle(totals):
    totals.catch_up()
    return all(one.processed == one.published for one in totals.datasets.values())
