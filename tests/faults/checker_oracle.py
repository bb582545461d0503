"""The oracle, asked 400,000 times: what it says of equal questions is remembered, its judgement is never replaced."""

import functools
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from checker_accounts import RELEASED
from checker_run import Generation
from oracle.documents import Documents
from oracle.judge import milliseconds, why_not
from oracle.view import _Walk, fits

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Owed(NamedTuple):
    """What the oracle says of one event for one agreement: a word, and what the recipient then sees."""

    word: str
    tree: Any


class Oracle:
    """Answers for the agreements on one dataset, none of which asks for consent."""

    def __init__(self, documents: Documents, dataset: str) -> None:
        self._documents = documents
        self._contract = documents.contracts[dataset]
        self._contract.subject_of = functools.cache(self._contract.subject_of)  # type: ignore[method-assign]
        self._fields = {field["name"] for field in self._contract.schema["fields"]}
        self._words: dict[tuple[Any, ...], str] = {}
        self._walks: dict[str, Walk] = {}

    def owed(self, generation: Generation, agreement: str, event: Mapping[str, Any], at_ms: int) -> Owed:
        word = self._word(generation, agreement, event, at_ms)
        return Owed(word, self._walk(agreement).tree(event) if word == RELEASED else None)

    def _word(self, generation: Generation, agreement: str, event: Mapping[str, Any], at_ms: int) -> str:
        text = self._documents.agreements[agreement]
        walk = self._walk(agreement)
        named = [repr(event[name]) for name in walk.named]
        valid = [at_ms >= bound for bound in walk.bounds]
        key = (generation.number, agreement, *named, *valid)
        if key not in self._words:
            assert text["consent"] == "not-required", "consents are not remembered here"
            status = generation.statuses.get(agreement, "not_in_force")
            said = why_not(self._documents.charter, text, self._contract, event, at_ms, set(), status)
            self._words[key] = said or RELEASED
        return self._words[key]

    def _walk(self, agreement: str) -> "Walk":
        if agreement not in self._walks:
            self._walks[agreement] = Walk(self._contract, self._documents.agreements[agreement], self._fields)
        return self._walks[agreement]


class Walk(_Walk):
    """The oracle's own walk, which does not ask again what follows from documents alone.

    `named`: the fields that the predicate may look at; `bounds`: from when until when the agreement is valid.
    """

    def __init__(self, contract: Any, agreement: Any, fields: set[str]) -> None:
        super().__init__(contract, agreement, None)
        self.named = sorted(fields & set(NAME.findall(agreement.get("predicate") or "")))
        self.bounds = [math.ceil(milliseconds(agreement["valid"][end])) for end in ("from", "until")]
        self._remain: dict[str, bool] = {}
        self._hidden: dict[str, bool] = {}

    def tree(self, event: Mapping[str, Any]) -> Any:
        self.event = event
        return self.record(event, self.contract.schema, "", "")

    def remains(self, schema: Any, space: str, path: str) -> bool:
        if path not in self._remain:
            self._remain[path] = super().remains(schema, space, path)
        return self._remain[path]

    def hidden_whole(self, schema: Any, space: str, path: str) -> bool:
        if path not in self._hidden:
            self._hidden[path] = super().hidden_whole(schema, space, path)
        return self._hidden[path]


def agrees(wanted: Any, found: Any) -> bool:
    """Say what `oracle.disagreements` says of records without arrays, maps and unions that need a word; sooner."""
    if not isinstance(wanted, dict):
        return (type(wanted) is type(found) and wanted == found) or fits(wanted, found)
    if not isinstance(found, dict) or wanted.keys() != found.keys():
        return False
    for name, one in wanted.items():  # noqa: SIM110 - a loop is twice as fast here
        if not agrees(one, found[name]):
            return False
    return True
