"""What an example's data subjects have said before it starts. Only examples have this document."""

from typing import Literal

from .model import Model, Slug, Text


class OpeningConsent(Model):
    """One data subject's yes or no to one agreement."""

    agreement: Slug
    subject: Text
    given: bool


class OpeningConsents(Model):
    """What `consents.yaml` says."""

    version: Literal[1]
    consents: tuple[OpeningConsent, ...]
