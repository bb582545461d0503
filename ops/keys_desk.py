"""What `penstock keys` does: show the keys that wrap others, make new ones, wrap again what old ones wrapped."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select

from ..schemas.errors import ConfigurationError
from .store.engine import reading
from .store.rewrap import rewrap, rows_by_key
from .store.rotation import rotate_data_keys, version_of
from .store.tables import store_keys
from .token_desk import at
from .wiring import Wiring

Told = Callable[[int, int], None]


def key_rows(wiring: Wiring) -> list[dict[str, Any]]:
    """Return one row for each store key: whose it is, its state, since when, and how many rows it wraps."""
    used = rows_by_key(wiring.engine)
    columns = store_keys.c.id, store_keys.c.owner, store_keys.c.made_ms, store_keys.c.retired_ms
    with reading(wiring.engine) as connection:
        rows = connection.execute(select(*columns).order_by(store_keys.c.owner, store_keys.c.id)).all()
    return [
        {
            "owner": row.owner or "ecosystem",
            "kms": kind_of(wiring, row.owner),
            "store_key": row.id,
            "state": "in use" if row.retired_ms is None else "retired",
            "made": at(row.made_ms) if row.made_ms else "",
            "retired": at(row.retired_ms) if row.retired_ms else "",
            "wraps": used.get(row.id, 0),
            "data_keys": version_of(wiring.engine, row.owner),
        }
        for row in rows
    ]


def kind_of(wiring: Wiring, owner: str) -> str:
    """Return the kind of KMS that holds an owner's KEK; `unknown` where ecosystem.yaml names it no more."""
    plan = wiring.ecosystem.kms
    named = plan.members.get(owner) if owner else plan.ecosystem
    return named.kind if named else "unknown"


def rotate(wiring: Wiring, what: str, owner: str, told: Told) -> Mapping[str, Any]:
    """Make new keys of `owner` (empty: the ecosystem), one of `kek`, `store-keys`, `data-keys`; say what was done."""
    if owner and owner not in wiring.ecosystem.kms.members:
        raise ConfigurationError(
            f"ecosystem.yaml names no KMS of `{owner}`", remedy="its keys are the ecosystem's: leave --member out"
        )
    done: dict[str, Any] = {"rotated": what, "owner": owner or "ecosystem"}
    if what == "data-keys":
        return {**done, "version": rotate_data_keys(wiring.engine, owner)}
    ring = wiring.key_store(provider=owner).store_keys.ring(owner)
    ring.make_missing()
    if what == "store-keys":
        return {**done, "retired": ring.rotate()}
    wiring.kms(member=owner).rotate()
    return {**done, "rewrapped": ring.rewrap(told)}


def rewrap_all(wiring: Wiring, told: Told) -> Mapping[str, Any]:
    """Wrap again every store key by the newest KEK of its owner, and every row under a retired store key.

    Done again after an interruption, it does what is left of the rows.
    """
    keys = wiring.key_store().store_keys
    with reading(wiring.engine) as connection:
        owners = connection.execute(select(store_keys.c.owner).distinct()).scalars().all()
    count = sum(keys.ring(owner).rewrap(lambda *_: None) for owner in sorted(owners))
    return {"store_keys": count, "rows": rewrap(wiring.engine, keys, told)}
