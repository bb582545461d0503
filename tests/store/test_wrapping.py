"""Wrapped keys: golden rows, and that one opens in its own context only."""

import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from penstock.ops.store import wrapping
from penstock.ops.store.wrapping import unwrap, wrap

ROWS = json.loads((Path(__file__).parents[1] / "golden" / "wrapped_1.json").read_text())["rows"]
KEY = bytes(range(32))


@pytest.mark.parametrize("row", ROWS)
def test_golden_rows(row, monkeypatch):
    """Made by another program from docs/wire.md; the zero nonce is for this file only."""
    context = [bytes.fromhex(part) for part in row["context_hex"]]
    inside, wrapped = bytes.fromhex(row["inside"]), bytes.fromhex(row["wrapped"])
    assert unwrap(KEY, wrapped, *context) == inside
    monkeypatch.setattr(wrapping.os, "urandom", bytes)
    assert wrap(KEY, inside, *context) == wrapped


def test_it_opens_nowhere_else():
    wrapped = wrap(KEY, b"secret", b"subject", b"ab", b"c")
    assert unwrap(KEY, wrapped, b"subject", b"ab", b"c") == b"secret"
    others = [
        (bytes(32), wrapped, (b"subject", b"ab", b"c")),
        (KEY, wrapped, (b"subject", b"a", b"bc")),
        (KEY, wrapped, (b"secret", b"ab", b"c")),
        (KEY, wrapped[:-1], (b"subject", b"ab", b"c")),
        (KEY, b"\x02" + wrapped[1:], (b"subject", b"ab", b"c")),
        (KEY, b"", (b"subject", b"ab", b"c")),
    ]
    for key, data, context in others:
        with pytest.raises(InvalidTag):
            unwrap(key, data, *context)
    assert wrap(KEY, b"secret", b"x") != wrap(KEY, b"secret", b"x"), "nonces are random"
