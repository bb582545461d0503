"""Backup and restore, as docs/operations.md says: a copy of the state, taken while nothing runs, put back elsewhere."""

import json
import shutil

import pytest
from ecosystem import cli, events, make, until

pytestmark = pytest.mark.broker

AGREEMENT, EVENTS = "ee-fi-income", 60


def test_a_copy_that_is_put_back_elsewhere_is_well_is_read_and_goes_on(kafka_installed, tmp_path):
    """On another machine: another directory, the documents from version control, of the state only the copy."""
    here, there = make(tmp_path / "here"), make(tmp_path / "there")
    here.feed(events(EVENTS, seed=5))
    done = here.up_once()
    assert done.code == 0, done.err
    delivered = done.json["agreements"][AGREEMENT]["delivered"]
    assert delivered > 0
    shutil.copytree(here.directory / ".penstock", tmp_path / "copy")
    shutil.rmtree(here.directory)
    shutil.copytree(tmp_path / "copy", there.directory / ".penstock")
    there.feed(events(EVENTS, seed=6))
    with there.up() as up:
        up.wait_in_force()
        until(lambda: len(names_read(there)) > delivered, "nothing more is released")
        assert None not in names_read(there)
        checked = cli("doctor", str(there.directory), "--json").json
    assert [row["said"] for row in checked if row["verdict"] == "ill"] == []


def names_read(ecosystem):
    """Return the names that the recipient reads on its whole view; None where its keys do not open one."""
    done = cli("read", AGREEMENT, "--in", str(ecosystem.directory))
    names = [json.loads(line)["payee"]["name"] for line in done.out.splitlines()]
    return [name if isinstance(name, str) and not done.err else None for name in names]
