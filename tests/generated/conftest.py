"""Hypothesis profiles, and `oracle` importable. `HYPOTHESIS_PROFILE=fuzz make test` looks for longer."""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

TESTS = Path(__file__).resolve().parents[1]
for folder in (TESTS, Path(__file__).parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("generated", COMMON, max_examples=300, derandomize=True)
settings.register_profile("fuzz", COMMON, max_examples=20_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "generated"))
