"""Makes `oracle`, the example's generator and this folder's helpers importable."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent, HERE.parents[1] / "examples" / "cross-border-tax"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
