"""Data that does not know its guard yet: written by a Penstock without one, or guarded by passwords that are lost."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...schemas.principals import OPERATOR
from ...streams.access import AccessAdmin
from ...streams.settings import Cluster
from ..processes import dying_with_parent
from . import config
from .guard import Guard
from .jvm import Jvm
from .probe import wait_ready

MARK = "guarded"
"""In the broker's directory: the digest of the guard that its data knows."""


def knows(root: Path, guard: Guard) -> bool:
    """Say whether the data below `root` has the guard's users."""
    try:
        return (root / MARK).read_text(encoding="ascii") == guard.digest()
    except OSError:
        return False


def note(root: Path, guard: Guard) -> None:
    (root / MARK).write_text(guard.digest(), encoding="ascii")


def adopt(jvm: Jvm, root: Path, pairs: Mapping[str, str], guard: Guard) -> None:
    """Run Kafka once, closed to all but the guard's two users, and let it take them in. Topics and records stay."""
    bootstrap = pairs["advertised.listeners"].rpartition("/")[2]
    security = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    login = {"sasl.username": OPERATOR, "sasl.password": guard.operator}
    with _running(jvm, root, {**pairs, **guard.settings_without_users()}, bootstrap):
        admin = AccessAdmin(Cluster(bootstrap, {**security, **login}))
        for user, password in guard.users().items():
            admin.set_password(user, password)
    note(root, guard)


@contextlib.contextmanager
def _running(jvm: Jvm, root: Path, pairs: Mapping[str, str], bootstrap: str) -> Iterator[None]:
    file = root / "adopting.properties"
    config.write_secret(file, config.render(pairs))
    quiet = subprocess.DEVNULL
    command = dying_with_parent(jvm.run(root, "kafka.Kafka", str(file)))
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, process_group=0) as kafka:
        try:
            wait_ready(bootstrap, 60, alive=lambda: kafka.poll() is None)
            yield
            kafka.terminate()
            kafka.wait(60)
        finally:
            kafka.kill()
            file.unlink(missing_ok=True)
