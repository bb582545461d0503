"""The charter: who takes part, and which purposes, legal bases, places and retention the members permit."""

from typing import Literal

from .model import CountryCode, Duration, Iri, Model, Slug, Text


class Member(Model):
    """A public body (or an operator) that takes part.

    `public_key` is `ed25519:` and the base64 of the 32 raw bytes; a member without one cannot sign.
    """

    id: Slug
    name: Text
    country: CountryCode
    roles: tuple[Literal["provider", "recipient", "operator"], ...]
    public_key: str | None = None


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
