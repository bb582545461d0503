"""An agreement: what one provider lets one recipient have of one dataset, why, where, how protected, until when."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from .model import CountryCode, Iri, Model, Number, Slug, Text
from .safeguard import Positive, Safeguard


class LegalBasis(Model):
    """The GDPR point one side relies on, and the statute that gives it."""

    basis: Iri
    statute: Text


class LegalBases(Model):
    """Both sides' legal bases: giving and receiving are two acts of processing."""

    provider: LegalBasis
    recipient: LegalBasis


class Validity(Model):
    """The agreement is in force from `from` (inclusive) until `until` (exclusive)."""

    from_: AwareDatetime = Field(alias="from")
    until: AwareDatetime


class Processing(Model):
    """Where the recipient processes the data, and what covers a transfer to a place the agreement does not list."""

    place: CountryCode
    transfer_mechanism: Text | None = None


class InformSubject(Model):
    """When the data subject is told of a release; deferring and restricting need the law that allows it."""

    when: Literal["immediate", "deferred", "restricted"]
    law: Text | None = None


class ServiceLevel(Model):
    """What the provider promises about the flow. Measured in a later release; recorded and signed today."""

    freshness_seconds: Annotated[int, Field(gt=0)] | None = None
    availability_percent: Annotated[Number, Field(gt=0, le=100)] | None = None


class PrivacyBudget(Model):
    """Loss allowed. Enforced in a later release; recorded and signed today."""

    epsilon: Positive
    period: Literal["day", "week", "month", "year"]
    unit: Text


class Agreement(Model):
    """A data-sharing agreement. What is signed is the canonical JSON of this model (see `canonical`)."""

    version: Literal[1]
    id: Slug
    title: Text
    provider: Slug
    recipient: Slug
    dataset: Slug
    major: Annotated[int, Field(ge=1)] = 1
    purpose: Iri
    legal_basis: LegalBases
    places: Annotated[tuple[CountryCode, ...], Field(min_length=1)]
    processing: Processing
    valid: Validity
    consent: Literal["required", "not-required"]
    predicate: Text | None = None
    fields: dict[str, Safeguard]
    event_time: Literal["exact", "second", "minute", "hour", "day", "month", "year"] = "exact"
    retention: Slug
    sla: ServiceLevel | None = None
    privacy_budget: PrivacyBudget | None = None
    scope_of_use: Text
    liability: Text
    inform_subject: InformSubject
    start: str = "now"
    on_resume: Literal["skip", "catch-up"] | None = None

    @property
    def view_topic(self) -> str:
        return f"view.{self.id}"
