"""The charter: who takes part, and which purposes, legal bases, places and retention the members permit."""

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from .model import CountryCode, Duration, Iri, Model, Slug, Text
from .sealing_key import SealingKey

KEY_PREFIX = "ed25519:"


def public_key_bytes(text: str) -> bytes:
    """Return the 32 raw bytes of a member's public key. Raises ValueError when `text` is none."""
    try:
        raw = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error:
        raw = b""
    if not text.startswith(KEY_PREFIX) or len(raw) != 32:
        raise ValueError("must be 'ed25519:' and the base64 of 32 bytes, as `penstock agreements keygen` prints it")
    return raw


def _is_public_key(text: str) -> str:
    public_key_bytes(text)
    return text


PublicKey = Annotated[str, AfterValidator(_is_public_key)]


class Member(Model):
    """A public body (or an operator) that takes part.

    `public_key` is `ed25519:` and the base64 of the 32 raw bytes; a member without one cannot sign. Keys of encrypted
    fields are handed to it sealed to one of its `sealing_keys`; without any, only where `unsealed_keys` says why they
    may come as they are.
    """

    id: Slug
    name: Text
    country: CountryCode
    roles: tuple[Literal["provider", "recipient", "operator"], ...]
    public_key: PublicKey | None = None
    sealing_keys: tuple[SealingKey, ...] = ()
    unsealed_keys: Text | None = None

    def sealing_key(self, key_id: str) -> SealingKey | None:
        """Return the sealing key of that id, None when there is none."""
        return next((key for key in self.sealing_keys if key.id == key_id), None)


class Term(Model):
    """An IRI of a vocabulary (DPV) and what it is called here."""

    iri: Iri
    label: Text


class RetentionClass(Model):
    """A named time after which records are gone from a topic."""

    id: Slug
    duration: Duration


class LinkageDomain(Model):
    """Agreements inside which the same person has the same pseudonym. An agreement in none is its own domain."""

    id: Slug
    agreements: tuple[Slug, ...]


class Charter(Model):
    """The rulebook of an ecosystem."""

    version: Literal[1]
    id: Slug
    title: Text
    members: tuple[Member, ...]
    purposes: tuple[Term, ...]
    legal_bases: tuple[Term, ...]
    places: tuple[CountryCode, ...]
    transfer_mechanisms: tuple[Text, ...] = ()
    retention_classes: tuple[RetentionClass, ...]
    linkage_domains: tuple[LinkageDomain, ...] = ()
    amendments: tuple[Text, ...] = ()

    def member(self, member_id: str) -> Member | None:
        """Return the member of that id, None when there is none."""
        return next((member for member in self.members if member.id == member_id), None)


_LATER_KEYS = frozenset(("sealing_keys", "unsealed_keys"))


def charter_record(charter: Charter) -> dict[str, Any]:
    """Return a charter as plain JSON. Members' keys that came later are left out while they say nothing."""
    record = charter.model_dump(mode="json", by_alias=True)
    record["members"] = [
        {key: value for key, value in member.items() if value or key not in _LATER_KEYS} for member in record["members"]
    ]
    return record
