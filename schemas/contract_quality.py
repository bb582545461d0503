"""Quality rules of a data contract: what a reading may break and still be published, with a flag that says so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from .model import Duration, Model, Number, Text, duration_ms


class Late(Model):
    """The event is older than `after` when it arrives."""

    rule: Literal["late"]
    after: Duration

    @property
    def after_ms(self) -> int:
        return duration_ms(self.after)


class Future(Model):
    """The event says that it happens more than `after` from its arrival on."""

    rule: Literal["future"]
    after: Duration

    @property
    def after_ms(self) -> int:
        return duration_ms(self.after)


class Range(Model):
    """A number is below `minimum` or above `maximum`; both are allowed values themselves."""

    rule: Literal["range"]
    minimum: Number | None = None
    maximum: Number | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("a range needs a minimum, a maximum or both")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("the minimum is above the maximum")
        return self


class Unit(Model):
    """A text, such as a unit's code, is not one of those that the contract promises."""

    rule: Literal["unit"]
    one_of: Annotated[tuple[Text, ...], Field(min_length=1)]


Rule = Annotated[Late | Future | Range | Unit, Field(discriminator="rule")]


@dataclass(frozen=True, slots=True)
class Quality:
    """A rule and the path of the field that it is about, empty for one about the whole event."""

    path: str
    rule: Late | Future | Range | Unit

    @property
    def flag(self) -> str:
        """What an event that breaks the rule is flagged with: `late`, `range:pm10`."""
        return f"{self.rule.rule}:{self.path}" if self.path else self.rule.rule


_RULE: TypeAdapter[Late | Future | Range | Unit] = TypeAdapter(Rule)


def quality_record(quality: Quality) -> dict[str, Any]:
    """Return a rule as plain JSON; its path is left out where it has none."""
    said = quality.rule.model_dump(mode="json", exclude_none=True)
    return {"path": quality.path, **said} if quality.path else said


def quality_from(records: Iterable[Mapping[str, Any]]) -> tuple[Quality, ...]:
    """Return the rules of `quality_record`. Raises ValueError for a malformed one."""
    return tuple(
        Quality(one.get("path", ""), _RULE.validate_python({key: one[key] for key in one if key != "path"}))
        for one in records
    )
