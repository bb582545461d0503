"""Scenarios: what an agreement must do with one event, in words that its parties' lawyers can check."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from .model import Model, Slug, Text
from .reasons import Reason


class Given(Model):
    """The situation: an instant, an event as plain JSON, and what its data subject has said."""

    at: AwareDatetime
    event: dict[str, Any]
    consent: Literal["given", "withdrawn", "none"] = "none"


class Then(Model):
    """What must come of it.

    A field's expectation is `absent`, `encrypted`, `pseudonym`, `noisy`, or its value; `{value: absent}` means the
    text itself.
    """

    outcome: Literal["released", "withheld"]
    reason: Reason | None = None
    fields: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> "Then":
        if self.outcome == "withheld" and self.reason is None:
            raise ValueError("a withheld outcome needs its reason")
        if self.outcome == "withheld" and self.fields:
            raise ValueError("a withheld outcome has no fields: nothing is delivered")
        if self.outcome == "released" and self.reason is not None:
            raise ValueError("a released outcome has no reason: reasons say why something is withheld")
        return self


class Scenario(Model):
    """One file below `scenarios/`; `scenario` is the sentence that says what it shows."""

    version: Literal[1]
    scenario: Text
    agreement: Slug
    given: Given
    then: Then
