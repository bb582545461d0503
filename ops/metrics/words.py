"""The label guard: which labels a metric may carry, and which values each label may take."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from ... import __version__
from ...schemas.errors import ConfigurationError
from ...schemas.reasons import Reason, Refusal

UNKNOWN = "unknown"
"""What a value becomes that nobody made known: it could be anything, and label values are stored for years."""

AGREEMENT_STATES = ("in_force", "not_yet_valid", "expired", "suspended", "terminated")
ACCESS_REASONS = (
    "authentication",
    "authorization",
    "expired",
    "revoked",
    "scope",
    "certificate",
    "rate",
    "sealing_key",
)
OUTCOMES = ("committed", "aborted", "ok", "error", "unavailable", "taken", "retained", "unmapped")
STORE_OPERATIONS = ("load_keys", "bulk_key", "secret", "open_keys", "health")
REGISTRY_OPERATIONS = ("schema",)
KMS_OPERATIONS = ("wrap", "unwrap", "rotate", "health")

CODES: Mapping[str, frozenset[str]] = {
    "reason": frozenset({*Reason, *Refusal, *ACCESS_REASONS}),
    "outcome": frozenset(OUTCOMES),
    "operation": frozenset({*STORE_OPERATIONS, *REGISTRY_OPERATIONS, *KMS_OPERATIONS}),
    "door": frozenset({"kafka", "keys", "registry", "ingest"}),
    "state": frozenset(AGREEMENT_STATES),
    "place": frozenset({"state", "broker"}),
    "status": frozenset(str(one.value) for one in HTTPStatus),
    "version": frozenset({__version__}),
}
"""Labels whose values are words of our own."""

IDS = frozenset({"dataset", "agreement", "source", "principal", "recipient", "role", "flag"})
"""Labels whose values the documents give: each role makes known what it serves."""

ALLOWED = CODES.keys() | IDS


class Words:
    """The values that labels may take in one role. What is not among them becomes `unknown`. Safe between threads."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = dict.fromkeys(IDS, frozenset())

    def know(self, label: str, values: Iterable[str]) -> None:
        """Let a label of ids take `values` from now on; others that it could take before it still can."""
        self._known[label] |= frozenset(values)

    def bounded(self, labels: Sequence[str], values: Sequence[str]) -> tuple[str, ...]:
        """Return `values` with each that its label may not take replaced."""
        return tuple(
            str(value) if value in self._of(label) else UNKNOWN for label, value in zip(labels, values, strict=True)
        )

    def _of(self, label: str) -> frozenset[str]:
        return CODES.get(label) or self._known[label]


def refuse_labels(metric: str, labels: Iterable[str]) -> None:
    """Raise ConfigurationError, naming metric and label, for a label that is not of the list.

    Nothing bounds its values then: an identifier of a person or an event, or free text, could end up in it.
    """
    for label in labels:
        if label not in ALLOWED:
            raise ConfigurationError(
                f"the metric `{metric}` would carry the label `{label}`, whose values nothing bounds",
                place="metrics",
                remedy="use a label of " + ", ".join(sorted(ALLOWED)),
            )
