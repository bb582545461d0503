"""A flood on one dataset does not make another late: reports of incidents beside sensors that send 20,000 a second."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.broker
BULKHEAD = Path(__file__).resolve().parents[2] / "benchmarks" / "bulkhead.py"
SENT_PER_S = 20_000
PROMISED_MS = 2_000


@pytest.mark.alone
def test_a_report_is_readable_within_two_seconds_beside_a_flood(kafka_installed):
    """Though no rate is stated that would hold it back. How much later than alone it is, `make bench` measures."""
    command = [sys.executable, str(BULKHEAD), "--seconds=10", "--rounds=1", f"--rate={SENT_PER_S}", "--limit=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["flood_sent_per_s"] > SENT_PER_S / 2, f"there was no flood: {found}"
    assert found["flood_taken_per_s"] > 500, found
    assert found["flood_refused_per_s"] > 0, "there was room for all of it"
    assert found["flood_unanswered_per_s"] == 0, "429 is an answer, silence is none"
    assert found["flooded_ms"]["n"] >= 10
    assert found["flooded_ms"]["p99"] < PROMISED_MS, found
