"""Makes `oracle` importable, and the examples' own scripts."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
EXAMPLES = TESTS.parent / "examples"
for folder in (TESTS, EXAMPLES, EXAMPLES / "cross-border-tax"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
