"""The PostgreSQL that the store's tests share."""

from collections.abc import Iterator

import pytest
from postgresql import postgresql


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The SQLAlchemy URL of a fresh PostgreSQL."""
    with postgresql() as url:
        yield url
