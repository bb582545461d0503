"""`penstock run connectors DIR --source ID`, which kills itself around its first commit where HTTP_ROLE_DIES says."""

import os
import signal
import sys
from pathlib import Path

from penstock.ops.roles.connectors import run_connectors
from penstock.streams.transaction import TransactionalProducer

WHEN = os.environ["HTTP_ROLE_DIES"]
commit = TransactionalProducer._commit


def dying(self: TransactionalProducer) -> None:
    if WHEN == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self)
    if WHEN == "after":
        os.kill(os.getpid(), signal.SIGKILL)


TransactionalProducer._commit = dying  # type: ignore[method-assign]
run_connectors(Path(sys.argv[1]), sys.argv[2])
