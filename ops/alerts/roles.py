"""Alerts about processes and what they stand on: roles, control, store, KMS, disk."""

from .alert import Alert
from .pace import Pace

FULL, FILLING, SOON_S = 0.05, 0.10, 4 * 3600
STALE_S = 60


def _filling(pace: Pace) -> str:
    share = "penstock_disk_free_bytes / penstock_disk_size_bytes"
    soon = f"predict_linear(penstock_disk_free_bytes[{pace.window(3600)}], {pace.seconds(SOON_S)}) < 0"
    return f"{share} < {FILLING}\nor ({share} < 0.4 and {soon})"


def _store(pace: Pace) -> str:
    failing = 'increase(penstock_store_operations_total{outcome="unavailable"}[' + pace.window(120) + "])"
    return f"min by (ecosystem, role) (penstock_store_healthy) == 0\nor sum by (ecosystem, role) ({failing}) > 0"


ROLE_ALERTS = (
    Alert(
        "PenstockRoleDown",
        "critical",
        60,
        lambda _: 'up{job="penstock"} == 0',
        "{{ $labels.role }} of {{ $labels.ecosystem }} does not answer",
        "Its metrics have not been read for a minute: the process ended, hangs, or its machine is gone. Nothing is "
        "lost; what this role does waits.",
    ),
    Alert(
        "PenstockRoleWaiting",
        "critical",
        300,
        lambda _: "penstock_role_waiting == 1",
        "{{ $labels.role }} of {{ $labels.ecosystem }} waits",
        "It runs but cannot do its work until something that it needs answers; /health of the role says what.",
    ),
    Alert(
        "PenstockControlStale",
        "critical",
        0,
        lambda pace: f"penstock_control_age_seconds > {pace.seconds(STALE_S)}",
        "{{ $labels.role }} of {{ $labels.ecosystem }} has not seen the end of the control topic for "
        "{{ $value | humanizeDuration }}",
        "A suspension or an ended agreement may not have reached this role. Its releases rest on what it last knew.",
    ),
    Alert(
        "PenstockKeyStoreDown",
        "critical",
        60,
        _store,
        "{{ $labels.role }} of {{ $labels.ecosystem }} cannot use the key store",
        "The SQL store cannot be read or written. Records that need a key wait; nothing is released without one.",
    ),
    Alert(
        "PenstockKmsDown",
        "critical",
        60,
        lambda _: "penstock_kms_healthy == 0",
        "{{ $labels.role }} of {{ $labels.ecosystem }} cannot reach the key management service",
        "Store keys that are in memory work on for at most 15 minutes. After that, and after any restart, nothing "
        "can be protected, so nothing is released.",
    ),
    Alert(
        "PenstockDiskFilling",
        "warning",
        600,
        _filling,
        "the disk of {{ $labels.place }} of {{ $labels.ecosystem }} runs full",
        "Less than 10 % is free, or at the pace of the last hour nothing will be free within four.",
    ),
    Alert(
        "PenstockDiskFilling",
        "critical",
        60,
        lambda _: f"penstock_disk_free_bytes / penstock_disk_size_bytes < {FULL}",
        "the disk of {{ $labels.place }} of {{ $labels.ecosystem }} is nearly full",
        "Less than 5 % is free. Kafka stops when its disk is full, and the store refuses to write.",
    ),
)
