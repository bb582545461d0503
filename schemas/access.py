"""Who may do what on Kafka: rules as they stand there, and whose they are."""

import re
from dataclasses import dataclass
from typing import Literal

from .principals import GATEWAY

EVERYBODY = "*"
SESSIONLESS_GROUP = "penstock.unused"
"""Readers that keep their own place are in no group, but the client looks one up all the same."""

_OURS = re.compile(r"(exchange|connector|member)\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

Kind = Literal["topic", "group", "transactional-id"]


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One rule of Kafka's authorizer, `operation` and `kind` in its words.

    A prefixed one holds for all names that begin with `name`. Ours allow, from any host; what is found may not.
    """

    principal: str
    operation: str
    kind: str
    name: str
    prefixed: bool = False
    host: str = "*"
    allows: bool = True

    def covers(self, kind: str, name: str) -> bool:
        """Say whether the rule speaks of the resource `name`."""
        if self.kind != kind:
            return False
        return name.startswith(self.name) if self.prefixed else self.name in ("*", name)

    def __str__(self) -> str:
        word = "may" if self.allows else "may not"
        names = f"{self.name}…" if self.prefixed else self.name
        return f"{self.principal} {word} {self.operation} {self.kind} {names}"


def is_ours(principal: str) -> bool:
    """Say whether Penstock makes and ends this principal's rights. The operator is not among them: it makes them."""
    return principal == GATEWAY or _OURS.fullmatch(principal) is not None
