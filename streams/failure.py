"""What is said of a failure that nobody foresaw: its message may quote a record (law 5)."""

import traceback
from pathlib import Path


def kind_and_place(failure: BaseException) -> str:
    """Return the failure's kind, and the file and line where it was raised."""
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{type(failure).__name__} at {Path(frame.filename).name}:{frame.lineno}"
