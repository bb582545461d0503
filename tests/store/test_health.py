"""Whether the store is well, asked beside those who use it."""

import pytest

from penstock.ops.store.engine import open_sqlite, open_url
from penstock.ops.store.health import require_well
from penstock.schemas.errors import ConfigurationError, UnavailableError


def test_a_store_that_is_well_is(tmp_path):
    require_well(open_sqlite(tmp_path / "store.db"))


def test_a_store_in_postgresql_is_asked_too(postgresql_url):
    engine = open_url(postgresql_url)
    require_well(engine)
    engine.dispose()


def test_a_store_whose_file_is_gone_is_not_well_although_it_is_still_open(tmp_path):
    engine = open_sqlite(tmp_path / "store.db")
    require_well(engine)
    (tmp_path / "store.db").rename(tmp_path / "away")
    with pytest.raises(UnavailableError, match="gone"):
        require_well(engine)
    (tmp_path / "away").rename(tmp_path / "store.db")
    require_well(engine)


def test_a_store_that_was_overwritten_is_damaged(tmp_path):
    engine = open_sqlite(tmp_path / "store.db")
    engine.dispose()
    (tmp_path / "store.db").write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigurationError):
        require_well(engine)
