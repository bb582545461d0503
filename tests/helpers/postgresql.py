"""A PostgreSQL of the tests' own, where the machine has its programs."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def programs() -> Path | None:
    """Return the folder with initdb and pg_ctl, None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    named = shutil.which("initdb")
    # Resolved: the user whom the server runs as may not follow every link on our path.
    return found[-1].parent if found else Path(named).resolve().parent if named else None


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Give the SQLAlchemy URL of a fresh PostgreSQL that listens on a socket in a folder of its own."""
    where = programs()
    if where is None:
        if os.environ.get("PENSTOCK_REQUIRE_ALL") == "1":
            pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed")
    # Not below pytest's folder: the server runs as a user who may not look into that.
    folder = Path(tempfile.mkdtemp(prefix="penstock-pg."))
    user = "postgres" if os.geteuid() == 0 else None
    try:
        if user:
            shutil.chown(folder, user)
        run(where / "initdb", "-D", folder / "data", "-U", "penstock", "-A", "trust", user=user)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        run(where / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start", user=user)
        try:
            yield f"postgresql+psycopg://penstock@/postgres?host={folder}"
        finally:
            run(where / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop", user=user)
    finally:
        shutil.rmtree(folder)


def run(*command: object, user: str | None) -> None:
    done = subprocess.run(
        [str(one) for one in command],
        user=user,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
