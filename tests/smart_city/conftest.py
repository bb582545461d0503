"""Makes the city's own scripts importable, and `oracle` and the judge of the walk."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
EXAMPLES = TESTS.parent / "examples"
for folder in (TESTS, TESTS / "walk", EXAMPLES, EXAMPLES / "smart-city"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
