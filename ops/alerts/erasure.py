"""Alerts about erasure: receipts that are overdue, and what was approved and is not done."""

from .alert import Alert

UNDONE_S = 3600

ERASURE_ALERTS = (
    Alert(
        "PenstockErasureOverdue",
        "warning",
        0,
        lambda _: "max by (ecosystem, recipient) (penstock_erasure_receipts_overdue) > 0",
        "{{ $labels.recipient }} of {{ $labels.ecosystem }} has not answered {{ $value }} notices of erasure in time",
        "The keys and pseudonyms are destroyed. Whether the recipient erased what it copied is not known.",
    ),
    Alert(
        "PenstockErasureUndone",
        "warning",
        UNDONE_S,
        lambda _: "max by (ecosystem) (penstock_erasures_undone) > 0",
        "an approved erasure of {{ $labels.ecosystem }} is not carried out",
        "It was approved, or begun, an hour ago and its recipients were not told. Nobody called it off.",
    ),
)
