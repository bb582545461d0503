"""Scenarios: what the documents do with an event, compared with what their authors say they must do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...schemas.agreement import Agreement
from ...schemas.avro_paths import covers, steps, type_at
from ...schemas.codec import Codec, LogicalCodec
from ...schemas.errors import RecordError
from ...schemas.plain_json import to_avro
from ...schemas.reasons import Reason
from ...schemas.safeguard import Encrypt, Noise, Pseudonymise
from ...schemas.scenario import Given, Scenario
from .load import Documents

ABSENT = "absent"
_PROTECTED = {"encrypted": Encrypt, "pseudonym": Pseudonymise, "noisy": Noise}
MISSING = object()


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a scenario's event: the view's record in physical form, or the reason why it was withheld."""

    reason: Reason | None
    view: Mapping[str, Any] | None = None


Decide = Callable[[Agreement, Given], Decided]
"""Decides one event under one agreement, by the same code as a worker. Raises PenstockError for an unfit event."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that was not met. `what` is the outcome or a field path; values are the scenario's own."""

    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """A scenario and what was not as it says."""

    name: str
    scenario: Scenario
    mismatches: tuple[Mismatch, ...]

    @property
    def passed(self) -> bool:
        return not self.mismatches


def run_scenarios(documents: Documents, decide: Decide) -> list[ScenarioResult]:
    """Return the result of every scenario, in the order of their names."""
    return [
        ScenarioResult(name, scenario, _run(documents, scenario, decide))
        for name, scenario in sorted(documents.scenarios.items())
    ]


def _run(documents: Documents, scenario: Scenario, decide: Decide) -> tuple[Mismatch, ...]:
    agreement = documents.agreements[scenario.agreement]
    try:
        decided = decide(agreement, scenario.given)
    except RecordError as unfit:
        return (Mismatch("event", "one that the data contract accepts", unfit.message),)
    found = _outcome(decided.reason)
    if found != _outcome(scenario.then.reason):
        return (Mismatch("outcome", _outcome(scenario.then.reason), found),)
    view = decided.view or {}
    schema = documents.contracts[agreement.dataset].schema
    compared = (_compare(agreement, schema, path, said, view) for path, said in scenario.then.fields.items())
    return tuple(mismatch for mismatch in compared if mismatch is not None)


def _outcome(reason: Reason | None) -> str:
    return "released" if reason is None else f"withheld ({reason})"


def _compare(
    agreement: Agreement, schema: Mapping[str, Any], path: str, said: Any, view: Mapping[str, Any]
) -> Mismatch | None:
    found = value_at(view, path)
    if said == ABSENT:
        return None if found is MISSING else Mismatch(path, ABSENT, _shown(found))
    if found is MISSING:
        return Mismatch(path, _shown(said), ABSENT)
    if isinstance(said, str) and said in _PROTECTED:
        return _compare_protection(agreement, path, said, found)
    expected = literal(said)
    try:
        same = found == _physical(schema, path, expected)
    except RecordError as unfit:
        return Mismatch(path, f"{expected}, which is no value of this field ({unfit.message})", _shown(found))
    return None if same else Mismatch(path, _shown(expected), _shown(_logical(schema, path, found)))


def literal(said: Any) -> Any:
    """Return the value that a field's expectation stands for."""
    return said["value"] if isinstance(said, dict) and set(said) == {"value"} else said


def _compare_protection(agreement: Agreement, path: str, said: str, found: Any) -> Mismatch | None:
    under = [safeguard for key, safeguard in agreement.fields.items() if covers(key, path)]
    fits = any(isinstance(safeguard, _PROTECTED[said]) for safeguard in under) and _looks(said, found)
    return None if fits else Mismatch(path, said, _shown(found))


def _physical(schema: Mapping[str, Any], path: str, value: Any) -> Any:
    """Return an expected value in the form that a decoded view has: a date as its day number, and so on."""
    return to_avro(_alone(schema, path))({"value": value})["value"]


def _logical(schema: Mapping[str, Any], path: str, value: Any) -> Any:
    """Return a found value as people write it: a day number as its date, and so on."""
    record = _alone(schema, path)
    try:
        return LogicalCodec(record).decode(Codec(record).encode({"value": value}))["value"]
    except RecordError:
        return value  # another type than the contract's, which is the mismatch


def _alone(schema: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a record schema of one field, `value`, of the type that values at `path` have."""
    kind = type_at(schema, path)
    for _ in range(path.count("[]") + path.count("{}")):
        kind = {"type": "array", "items": kind}
    return {"type": "record", "name": "Expected", "fields": [{"name": "value", "type": kind}]}


def _looks(said: str, found: Any) -> bool:
    """Say whether a value has the form that its protection gives; many values must all have it."""
    if isinstance(found, list):
        return all(_looks(said, item) for item in found)
    kinds: dict[str, tuple[type, ...]] = {"encrypted": (bytes,), "pseudonym": (str,), "noisy": (int, float)}
    return found is None or isinstance(found, kinds[said])


def value_at(record: Mapping[str, Any], path: str) -> Any:
    """Return the value at a field path of a decoded record, a list of them below `[]` and `{}`.

    What was encrypted whole ends the path: its bytes stand for everything inside.
    """
    return _below(record, steps(path))


def _below(value: Any, names: tuple[str, ...]) -> Any:
    if not names or value is None or isinstance(value, bytes):
        return value
    head, rest = names[0], names[1:]
    if head in {"[]", "{}"}:
        items = list(value.values()) if isinstance(value, Mapping) else value
        found = [_below(item, rest) for item in items]
        return MISSING if any(item is MISSING for item in found) else found
    if not isinstance(value, Mapping) or head not in value:
        return MISSING
    return _below(value[head], rest)


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} encrypted bytes"
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
