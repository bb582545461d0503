"""The role `broker`: the process that becomes Kafka, so that ending the role ends Kafka and nothing else."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ...schemas.errors import PenstockError
from ...schemas.principals import OPERATOR
from ..access.passwords import Passwords
from ..home import Home
from ..processes import die_with_parent, write_status
from .embedded import EmbeddedBroker
from .guard import BROKER, Guard
from .jars import say_to_stderr

STATUS_FILE = "broker.json"
"""In the run directory of an ecosystem: pid, bootstrap, log."""


def run_broker(
    ecosystem_dir: Path,
    *,
    port: int | None = None,
    extra: Mapping[str, str] | None = None,
    with_parent: bool = True,
) -> None:
    """Prepares the ecosystem's broker, says in `.penstock/run/broker.json` where it will answer, and becomes it.

    Returns never. The file is there before Kafka answers: whoever starts this role calls `wait_ready`. With
    `with_parent` Kafka stops when the process that started this one ends.
    """
    parent = os.getppid()
    home = Home(Path(ecosystem_dir).resolve())
    broker = EmbeddedBroker(home.broker, port=port, guard=_guard(home), extra=extra)
    broker.prepare()
    facts = {"pid": os.getpid(), "bootstrap": broker.bootstrap, "log": str(broker.log)}
    write_status(home.run / STATUS_FILE, facts)
    if with_parent:
        die_with_parent(parent)
    say_to_stderr(f"Kafka starts at {broker.bootstrap} (one replica); what it says is in {broker.log.parent}")
    broker.become()


def _guard(home: Home) -> Guard:
    """The guard of an ecosystem's broker. Where there is no data yet, passwords are of a cluster that is gone."""
    passwords = Passwords(home.credentials)
    with passwords.alone():
        if not (home.broker / "data").exists():
            passwords.forget_all()
        return Guard(passwords.of_or_new(OPERATOR), passwords.of_or_new(BROKER))


def main() -> None:
    """`python -m penstock.ops.broker.role DIR`: the broker on its own, as `penstock broker start` runs it."""
    try:
        run_broker(Path(sys.argv[1]), with_parent=False)
    except PenstockError as error:
        say_to_stderr(str(error))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
