"""How many files this process may have open: many systems say 1,024 and let a process ask for more."""

import contextlib
import resource
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def room_for(files: int) -> Iterator[None]:
    """Let so many be open while the block runs; where the system lets us not, the test is skipped."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < files:
        pytest.skip(f"a process may not have {files} files open here: ulimit -Hn")
    with contextlib.ExitStack() as stack:
        if resource.RLIM_INFINITY != soft < files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
            stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        yield
