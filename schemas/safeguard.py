"""Safeguards: what may happen to a field on its way into a view (ISO/IEC 20889 techniques)."""

from typing import Annotated, Literal

from pydantic import Field

from .model import Model, Number, Text

Positive = Annotated[Number, Field(gt=0)]


class Pass(Model):
    """The value goes on as it is. A personal field needs a written `reason`."""

    do: Literal["pass"]
    reason: Text | None = None


class Omit(Model):
    """The field is absent from the view (not null)."""

    do: Literal["omit"]


class Mask(Model):
    """Part or all of a text is hidden.

    `truncate` keeps `keep` characters at `side` and drops the rest; `redact` puts `*` in place of each other character,
    keeping `keep` at `side`. Strings only.
    """

    do: Literal["mask"]
    how: Literal["truncate", "redact"]
    keep: Annotated[int, Field(ge=0)] = 0
    side: Literal["start", "end"] = "start"


class Generalise(Model):
    """A value becomes coarser and keeps its type.

    `year`, `month`: dates and timestamps become their first day (UTC). `day`, `hour`: timestamps become the first
    instant of it (UTC). `bucket`: a number becomes the lower bound of its bucket of width `size`. `grid`: a coordinate
    (degrees) becomes the centre of its cell of width `size`.
    """

    do: Literal["generalise"]
    to: Literal["year", "month", "day", "hour", "bucket", "grid"]
    size: Positive | None = None


class Pseudonymise(Model):
    """A data subject's identifier becomes that subject's random pseudonym in the agreement's linkage domain.

    On the event id: the id re-keyed for the domain. On anything else `check` refuses it.
    """

    do: Literal["pseudonymise"]


class Encrypt(Model):
    """AES-256-GCM under a key of the data subject for this agreement; hides null and (padded) length."""

    do: Literal["encrypt"]


class Noise(Model):
    """Discrete Laplace noise: value clamped to `clamp`, scale = `sensitivity` / `epsilon`, in units of `step`.

    For int and long `step` is 1; a double needs a stated `step` and is released as a multiple of it.
    """

    do: Literal["noise"]
    epsilon: Positive
    sensitivity: Positive
    clamp: tuple[Number, Number]
    step: Positive | None = None


Safeguard = Annotated[Pass | Omit | Mask | Generalise | Pseudonymise | Encrypt | Noise, Field(discriminator="do")]
