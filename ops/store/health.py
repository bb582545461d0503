"""Whether the store is well: asked with a connection of its own, off the path of events."""

from pathlib import Path

from sqlalchemy import Engine, select

from ...schemas.errors import UnavailableError
from .engine import writing
from .tables import versions


def require_well(engine: Engine) -> None:
    """Return when the store can be read and written.

    Raises UnavailableError when it does not answer or its file is gone, ConfigurationError when it is damaged. An
    SQLite file that was removed still serves those who have it open, until they open it again and find it empty.
    """
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        raise UnavailableError("the store's file is gone", place=str(engine.url.database), remedy="put it back")
    with writing(engine) as connection:
        connection.execute(select(versions.c.version).limit(1)).all()
