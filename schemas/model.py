"""What every document model shares: frozen, no unknown key, and the small types that several documents use."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""Ids of members, datasets and agreements: they become part of topic, group and transactional ids."""

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Iri = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:\S+$")]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$")]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")]
"""The name of an environment variable that holds a secret; the secret itself is never in a document."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def _is_duration(text: str) -> str:
    duration_ms(text)
    return text


def duration_ms(text: str) -> int:
    """Return the milliseconds of an ISO 8601 duration made of days, hours, minutes and seconds, or years and months.

    A year counts as 365 days and a month as 30: retention is a promise of at most, not a calendar date.
    Raises ValueError when `text` is no such duration.
    """
    found = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    if found is None or not any(found.groups()):
        msg = "an ISO 8601 duration such as P90D, P1Y or PT12H is wanted here"
        raise ValueError(msg)
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    whole_days = years * 365 + months * 30 + weeks * 7 + days
    return ((whole_days * 24 + hours) * 3600 + minutes * 60 + seconds) * 1000


Duration = Annotated[str, AfterValidator(_is_duration)]


def _plain_number(number: float) -> float:
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


Number = Annotated[
    float,
    Field(allow_inf_nan=False),
    PlainSerializer(_plain_number, return_type=float | int, when_used="json"),
]
"""A finite number whose JSON has no needless fraction: `1`, not `1.0`, as RFC 8785 and other languages write it."""


def _is_inside(path: str) -> str:
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise ValueError("must be a path inside the ecosystem's directory")
    return path


InsidePath = Annotated[str, StringConstraints(min_length=1), AfterValidator(_is_inside)]
"""A relative path, with `/`, that stays inside the ecosystem's directory."""


class Model(BaseModel):
    """Base of every document model: immutable, and an unknown key is an error (law 1)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
