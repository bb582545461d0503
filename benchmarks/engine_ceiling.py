"""The engine `ceiling`: for each record read, as many and as large records written as the exchange writes. No work.

What it writes are records that the exchange made, of some thousand events, in turns: real bytes, which compress and
batch as real ones do.
"""

import itertools
import pickle
from pathlib import Path

from order import told
from plain_loop import PlainLoop

SAMPLE = "sample.pickle"
AUDIT = b"\x01" + bytes(400)


def main() -> None:
    order, stop = told()
    sample = pickle.loads((Path(order.folder) / SAMPLE).read_bytes())  # noqa: S301 - the bench wrote it just now
    turns = itertools.cycle(sample)
    PlainLoop(order, lambda _message: next(turns), lambda _count: AUDIT).run(stop)


if __name__ == "__main__":
    main()
