"""Makes `oracle` importable, and the example's own scripts."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
for folder in (TESTS, TESTS.parent / "examples" / "cross-border-tax"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
