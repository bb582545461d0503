"""The record of every hand-out of keys: who got how many keys of which agreement, when. No key and no handle is in it.

A row is one minute of one agreement and sealing key, so that a recipient that asks without pause fills no disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from .engine import reading, writing
from .tables import key_hand_outs

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class HandOut:
    """What one recipient got of one agreement in one minute.

    `messages` answered, for `asked` handles, with `given` keys, from `first_ms` to `last_ms`, sealed to `sealing_key`
    (empty: not sealed).
    """

    agreement: str
    recipient: str
    sealing_key: str
    messages: int
    asked: int
    given: int
    first_ms: int
    last_ms: int


class HandOutStore:
    """Safe for several processes. Both methods raise UnavailableError when the store does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, one: HandOut) -> None:
        """Add a hand-out to the record; it is durable when this returns, and so before the keys leave."""
        table, row = key_hand_outs, {**_row(one), "minute": one.first_ms // MINUTE_MS}
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        added = dialect.insert(table).values(row)
        counted = {name: table.c[name] + added.excluded[name] for name in ("messages", "asked", "given")}
        # Two gateways' clocks may differ within the minute, and what was first stays first.
        merged = added.on_conflict_do_update(
            index_elements=[column.name for column in table.primary_key],
            set_={**counted, "last_ms": added.excluded.last_ms},
        )
        with writing(self._engine) as connection:
            connection.execute(merged)

    def recorded(self, agreement: str = "") -> Sequence[HandOut]:
        """Return what was handed out, of one agreement or of all, the newest first."""
        columns = [key_hand_outs.c[name] for name in HandOut.__slots__]
        asked = select(*columns).order_by(
            key_hand_outs.c.minute.desc(), key_hand_outs.c.agreement, key_hand_outs.c.sealing_key
        )
        if agreement:
            asked = asked.where(key_hand_outs.c.agreement == agreement)
        with reading(self._engine) as connection:
            return [HandOut(*row) for row in connection.execute(asked)]


def _row(one: HandOut) -> dict[str, object]:
    return {name: getattr(one, name) for name in HandOut.__slots__}
