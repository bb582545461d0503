"""A spare process: loads what an exchange needs, then waits for its role; see `ops.spare`."""

import json
import os
import sys


def wait_for_role() -> None:
    """Load, wait, and run the role that is named on standard input; end when that is closed without a word."""
    from ...processors.predicate import make_parser
    from ..cli import main
    from . import exchange, start  # noqa: F401 - loaded for the role to come

    make_parser()
    said = sys.stdin.buffer.readline()
    if not said:
        return
    order = json.loads(said)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.close(log)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["penstock", *order["words"]]
    main()


if __name__ == "__main__":
    wait_for_role()
