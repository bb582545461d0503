"""A worker whose client never returns from a commit: `python stuck.py BOOTSTRAP SOURCE COPIES GROUP watched|alone`."""

import sys
import threading

import copying

from penstock.streams import watchdog
from penstock.streams.runner import Runner
from penstock.streams.settings import Cluster
from penstock.streams.transaction import TransactionalProducer

WATCHED_S = 2.0


def never_returns(_: object) -> None:
    sys.stdout.write("committing\n")
    sys.stdout.flush()
    threading.Event().wait()


def main(bootstrap: str, source: str, copies: str, group: str, manner: str) -> None:
    TransactionalProducer._commit = never_returns
    if manner == "watched":
        watch = watchdog.Watchdog.watch
        watchdog.Watchdog.watch = lambda dog, place, _=0.0: watch(dog, place, WATCHED_S)
    else:
        watchdog.Watchdog.watch = lambda *_: None
    job = copying.Copying(lambda batch: copying.Copy(batch, copies, lambda _: None))
    runner = Runner(Cluster(bootstrap), source, group, "0", job)
    runner.start()
    while True:
        runner.step()


if __name__ == "__main__":
    main(*sys.argv[1:])
