"""Reason codes: why a release was withheld, and why a record was refused at a door."""

from enum import StrEnum


class Reason(StrEnum):
    """Why an agreement's release was withheld. Values are wire forms: audit and disclosure records carry them."""

    NOT_IN_FORCE = "not_in_force"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    PURPOSE = "purpose"
    LEGAL_BASIS = "legal_basis"
    PLACE = "place"
    CONSENT = "consent"
    PREDICATE = "predicate"
    PREDICATE_ERROR = "predicate_error"
    KEY_UNAVAILABLE = "key_unavailable"
    PRIVACY_BUDGET = "privacy_budget"
    PARKED = "parked"


class Refusal(StrEnum):
    """Why a record went to quarantine. Values are wire forms: quarantine headers carry them."""

    ENCODING = "encoding"  # not valid UTF-8, or text that is no JSON, CSV row or Avro container
    COLUMNS = "columns"  # the row's columns are not the contract's fields
    TYPE = "type"  # a value does not fit its field's Avro type
    EVENT_ID = "event_id"  # no event id, or an empty one
    DUPLICATE = "duplicate"  # the event id appeared before in the same file, or with another content
    SUBJECT = "subject"  # the contract names a data subject and the record has none
    TOO_LARGE = "too_large"  # larger than its topic takes, before or after protection
    UNMAPPED = "unmapped"  # its topic matches no template of the source
    FRAMING = "framing"  # not Confluent wire format
    UNKNOWN_SCHEMA = "unknown_schema"  # a writer schema that `apply` never brought
    AVRO = "avro"  # the bytes are not one whole value of the writer schema
    POISON = "poison"  # processing it alone failed again and again
