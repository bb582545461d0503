"""What each alert is rehearsed with: series in promtool's notation, and when it may and may not fire."""

from dataclasses import dataclass, field
from typing import Any

LABELS = 'ecosystem="city", role="exchange-parking-0"'


@dataclass(frozen=True)
class Timeline:
    """Series over time, one sample a minute, and minutes at which `alert` must be silent or must fire with `labels`."""

    alert: str
    severity: str
    series: dict[str, str]
    silent_at: tuple[int, ...]
    fires_at: tuple[int, ...]
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def test(self) -> dict[str, Any]:
        """One test in promtool's form."""
        query = f'ALERTS{{alertname="{self.alert}", severity="{self.severity}", alertstate="firing"}}'
        labels = {
            "alertname": self.alert,
            "alertstate": "firing",
            "severity": self.severity,
            "ecosystem": "city",
            **self.labels,
        }
        said = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
        fired = [{"labels": f"ALERTS{{{said}}}", "value": 1}]
        return {
            "interval": "1m",
            "name": f"{self.alert} {self.severity}",
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                *({"expr": query, "eval_time": f"{at}m", "exp_samples": []} for at in self.silent_at),
                *({"expr": query, "eval_time": f"{at}m", "exp_samples": fired} for at in self.fires_at),
            ],
        }


ROLE = {"role": "exchange-parking-0"}
DATASET = {"dataset": "parking"}
AGREEMENT = {"agreement": "open-data"}
DAY = 86_400


def _gauge(name: str, values: str, more: str = LABELS) -> dict[str, str]:
    return {f"{name}{{{more}}}": values}


def _agreement(name: str) -> str:
    return f'{LABELS}, agreement="{name}"'


def _minutes(*spans: tuple[float, int]) -> str:
    """A gauge that has each value for so many minutes."""
    return " ".join(f"{value}x{minutes - 1}" for value, minutes in spans)


def _counter(*spans: tuple[float, int]) -> str:
    """A counter that grows by so much a minute for so many minutes."""
    total, found = 0.0, ["0"]
    for step, minutes in spans:
        for _ in range(minutes):
            total += step
            found.append(f"{total:g}")
    return " ".join(found)


def _freshness(*spans: tuple[float, float, int]) -> dict[str, str]:
    """The histogram for spans of (events a minute, of them in time, minutes)."""
    more = 'ecosystem="city", role="exchange-parking-0", dataset="parking"'
    name = "penstock_publish_commit_seconds"
    every = _counter(*((events, minutes) for events, _, minutes in spans))
    in_time = _counter(*((good, minutes) for _, good, minutes in spans))
    return {
        f'{name}_bucket{{{more}, le="2.5"}}': in_time,
        f'{name}_bucket{{{more}, le="+Inf"}}': every,
        f"{name}_count{{{more}}}": every,
    }


TIMELINES = (
    Timeline(
        "PenstockRoleDown",
        "critical",
        _gauge("up", _minutes((1, 5), (0, 5), (1, 5)), f'job="penstock", {LABELS}'),
        silent_at=(4, 5, 11),
        fires_at=(6, 9),
        labels={**ROLE, "job": "penstock"},
    ),
    Timeline(
        "PenstockRoleWaiting",
        "critical",
        _gauge("penstock_role_waiting", _minutes((0, 5), (1, 8), (0, 5))),
        silent_at=(4, 9, 13),
        fires_at=(10, 12),
        labels=ROLE,
    ),
    Timeline(
        "PenstockControlStale",
        "critical",
        _gauge("penstock_control_age_seconds", "0 0 29 29 59 59 61 120 180 0 0"),
        silent_at=(5, 9),
        fires_at=(6, 8),
        labels=ROLE,
    ),
    Timeline(
        "PenstockKeyStoreDown",
        "critical",
        _gauge("penstock_store_healthy", _minutes((1, 5), (0, 5), (1, 5))),
        silent_at=(4, 5, 11),
        fires_at=(6, 9),
        labels=ROLE,
    ),
    Timeline(  # it can be read, but somebody keeps it locked for writing
        "PenstockKeyStoreDown",
        "critical",
        {
            **_gauge("penstock_store_healthy", _minutes((1, 20))),
            **_gauge(
                "penstock_store_operations_total",
                _counter((0, 5), (3, 5), (0, 10)),
                f'{LABELS}, operation="keys", outcome="unavailable"',
            ),
        },
        silent_at=(5, 14),
        fires_at=(8, 10),
        labels=ROLE,
    ),
    Timeline(
        "PenstockKmsDown",
        "critical",
        _gauge("penstock_kms_healthy", _minutes((1, 5), (0, 5), (1, 5))),
        silent_at=(4, 5, 11),
        fires_at=(6, 9),
        labels=ROLE,
    ),
    Timeline(  # little is free
        "PenstockDiskFilling",
        "warning",
        {
            **_gauge("penstock_disk_free_bytes", _minutes((60, 10), (9, 15), (60, 10)), f'{LABELS}, place="broker"'),
            **_gauge("penstock_disk_size_bytes", _minutes((100, 35)), f'{LABELS}, place="broker"'),
        },
        silent_at=(9, 19, 26),
        fires_at=(21, 24),
        labels={**ROLE, "place": "broker"},
    ),
    Timeline(  # a third is free, and less every minute: none within a day
        "PenstockDiskFilling",
        "warning",
        {
            **_gauge("penstock_disk_free_bytes", "35000x60 34800-200x120", f'{LABELS}, place="broker"'),
            **_gauge("penstock_disk_size_bytes", "100000x200", f'{LABELS}, place="broker"'),
        },
        silent_at=(60,),
        fires_at=(150,),
        labels={**ROLE, "place": "broker"},
    ),
    Timeline(
        "PenstockDiskFilling",
        "critical",
        {
            **_gauge("penstock_disk_free_bytes", _minutes((60, 10), (4, 5), (60, 10)), f'{LABELS}, place="state"'),
            **_gauge("penstock_disk_size_bytes", _minutes((100, 25)), f'{LABELS}, place="state"'),
        },
        silent_at=(9, 10, 16),
        fires_at=(11, 14),
        labels={**ROLE, "place": "state"},
    ),
    Timeline(
        "PenstockLagHigh",
        "warning",
        _gauge("penstock_lag_seconds", "0 0 50 50 61 90 120 30 0", f'{LABELS}, dataset="parking"'),
        silent_at=(3, 5, 7),
        fires_at=(6,),
        labels=DATASET,
    ),
    Timeline(
        "PenstockAgreementParked",
        "warning",
        _gauge("penstock_agreement_parked", "0 0 1 0 1 1 1 0 0", f'{LABELS}, agreement="open-data"'),
        silent_at=(2, 4, 8),
        fires_at=(5, 6),
        labels=AGREEMENT,
    ),
    Timeline(
        "PenstockTransactionsAborting",
        "warning",
        _gauge("penstock_transactions_total", _counter((0, 5), (1, 8), (0, 20)), f'{LABELS}, outcome="aborted"'),
        silent_at=(6, 7, 24),
        fires_at=(10, 13),
        labels=ROLE,
    ),
    Timeline(  # two processes that take the slot from each other
        "PenstockTransactionsAborting",
        "warning",
        _gauge("penstock_fences_total", _counter((0, 5), (1, 8), (0, 20))),
        silent_at=(6, 24),
        fires_at=(9, 13),
        labels=ROLE,
    ),
    Timeline(
        "PenstockQuarantineRate",
        "warning",
        {
            **_gauge(
                "penstock_events_quarantined_total",
                _counter((1, 10), (20, 5), (0, 20)),
                f'{LABELS}, dataset="parking", reason="type"',
            ),
            **_gauge("penstock_events_in_total", _counter((100, 35)), f'{LABELS}, dataset="parking"'),
        },
        silent_at=(10, 27),
        fires_at=(15, 16),
        labels=DATASET,
    ),
    Timeline(
        "PenstockSourceSilent",
        "warning",
        {
            **_gauge("penstock_source_silence_seconds", "0+60x20 0x5", f'{LABELS}, source="sensors"'),
            **_gauge("penstock_source_silence_limit_seconds", "600x30", f'{LABELS}, source="sensors"'),
            **_gauge("penstock_source_silence_seconds", "0+60x30", f'{LABELS}, source="citizens"'),
        },
        silent_at=(10, 22),
        fires_at=(11, 20),
        labels={"source": "sensors"},
    ),
    Timeline(  # `never` is withheld from the beginning, as its documents say; `over` has ended
        "PenstockAgreementAllWithheld",
        "warning",
        {
            **_gauge("penstock_events_released_total", _counter((9, 30), (0, 30), (9, 10)), _agreement("open-data")),
            **_gauge(
                "penstock_events_withheld_total",
                _counter((1, 30), (10, 30), (1, 10)),
                _agreement("open-data") + ', reason="suspended"',
            ),
            **_gauge("penstock_events_withheld_total", _counter((10, 70)), _agreement("never") + ', reason="place"'),
            **_gauge("penstock_events_released_total", _counter((9, 30), (0, 40)), _agreement("over")),
            **_gauge(
                "penstock_events_withheld_total",
                _counter((0, 30), (10, 40)),
                _agreement("over") + ', reason="not_in_force"',
            ),
            **_gauge("penstock_agreement_status", "0x29 1x40", _agreement("over") + ', state="terminated"'),
            # `rare` has released some, and no event of these minutes fits it
            **_gauge("penstock_events_released_total", _counter((1, 10), (0, 60)), _agreement("rare")),
            **_gauge("penstock_events_withheld_total", _counter((9, 70)), _agreement("rare") + ', reason="predicate"'),
        },
        silent_at=(30, 44, 62),
        fires_at=(46, 60),
        labels=AGREEMENT,
    ),
    Timeline(  # `rare` releases one in a day, `2031` is to come, `over` has ended
        "PenstockAgreementAllWithheld",
        "info",
        {
            # from its first day on, until minute 1000
            **_gauge("penstock_events_released_total", "0x1000 1+1x500", _agreement("open-data")),
            **_gauge("penstock_events_withheld_total", "0+9x1500", _agreement("open-data") + ', reason="predicate"'),
            **_gauge("penstock_events_released_total", "0x300 1x1200", _agreement("rare")),
            **_gauge("penstock_events_withheld_total", "0+9x1500", _agreement("rare") + ', reason="predicate"'),
            **_gauge("penstock_events_withheld_total", "0+9x1500", _agreement("2031") + ', reason="not_yet_valid"'),
            **_gauge("penstock_events_withheld_total", "0+9x1500", _agreement("over") + ', reason="expired"'),
            **_gauge("penstock_agreement_status", "1x1500", _agreement("over") + ', state="expired"'),
        },
        silent_at=(20, 719, 1010),
        fires_at=(730, 990),
        labels=AGREEMENT,
    ),
    Timeline(
        "PenstockAgreementExpires",
        "info",
        {
            **_gauge(
                "penstock_agreement_expires_timestamp_seconds",
                f"{14 * DAY + 600}x40",
                f'{LABELS}, agreement="open-data"',
            ),
            **_gauge("penstock_agreement_status", "1x30 0x10", f'{LABELS}, agreement="open-data", state="in_force"'),
            **_gauge("penstock_agreement_expires_timestamp_seconds", f"{7 * DAY}x40", f'{LABELS}, agreement="ended"'),
            **_gauge("penstock_agreement_status", "1x40", f'{LABELS}, agreement="ended", state="terminated"'),
        },
        silent_at=(9, 32),
        fires_at=(11, 29),
        labels=AGREEMENT,
    ),
    Timeline(
        "PenstockFreshnessBurn",
        "critical",
        _freshness((60, 60, 60), (60, 0, 20), (60, 60, 20)),
        silent_at=(60, 65, 90),
        fires_at=(75, 80),
        labels=DATASET,
    ),
    Timeline(
        "PenstockFreshnessBurn",
        "warning",
        _freshness((60, 60, 60), (60, 50, 90), (60, 60, 60)),
        silent_at=(60, 80, 185),
        fires_at=(140, 150),
        labels=DATASET,
    ),
)


TIMELINES += (
    Timeline(
        "PenstockErasureOverdue",
        "warning",
        _gauge("penstock_erasure_receipts_overdue", "0x10 1x10 0x10", f'{LABELS}, recipient="desk"'),
        silent_at=(9, 23),
        fires_at=(12, 20),
        labels={"recipient": "desk"},
    ),
    Timeline(
        "PenstockErasureUndone",
        "warning",
        _gauge("penstock_erasures_undone", "0x10 1x80 0x10"),
        silent_at=(9, 60, 95),
        fires_at=(73, 89),
    ),
)


def quiet_night() -> dict[str, Any]:
    """An hour in which nothing happens: all roles are well, no counter moves, no source promised a rhythm it breaks."""
    labels = f"{LABELS}, "
    still = {
        f'up{{job="penstock", {LABELS}}}': "1x60",
        f"penstock_role_waiting{{{LABELS}}}": "0x60",
        f"penstock_control_age_seconds{{{LABELS}}}": "0.2x60",
        f"penstock_store_healthy{{{LABELS}}}": "1x60",
        f"penstock_kms_healthy{{{LABELS}}}": "1x60",
        f'penstock_disk_free_bytes{{{labels}place="state"}}': "60-0.001x60",
        f'penstock_disk_size_bytes{{{labels}place="state"}}': "100x60",
        f'penstock_lag_seconds{{{labels}dataset="parking"}}': "0x60",
        f'penstock_transactions_total{{{labels}outcome="aborted"}}': "3x60",
        f'penstock_transactions_total{{{labels}outcome="committed"}}': "5000x60",
        f"penstock_fences_total{{{LABELS}}}": "1x60",
        f'penstock_store_operations_total{{{labels}operation="keys", outcome="unavailable"}}': "4x60",
        f'penstock_events_in_total{{{labels}dataset="parking"}}': "90000x60",
        f'penstock_events_quarantined_total{{{labels}dataset="parking", reason="type"}}': "900x60",
        f'penstock_events_released_total{{{labels}agreement="open-data"}}': "80000x60",
        f'penstock_events_withheld_total{{{labels}agreement="open-data", reason="predicate"}}': "10000x60",
        f'penstock_source_silence_seconds{{{labels}source="citizens"}}': "0+60x60",
        f'penstock_source_silence_seconds{{{labels}source="sensors"}}': "0+60x60",
        f'penstock_source_silence_limit_seconds{{{labels}source="sensors"}}': "7200x60",
        f'penstock_agreement_parked{{{labels}agreement="open-data"}}': "0x60",
        f'penstock_erasure_receipts_overdue{{{labels}recipient="desk"}}': "0x60",
        f"penstock_erasures_undone{{{LABELS}}}": "0x60",
        f'penstock_agreement_expires_timestamp_seconds{{{labels}agreement="open-data"}}': f"{90 * DAY}x60",
        f'penstock_agreement_status{{{labels}agreement="open-data", state="in_force"}}': "1x60",
    }
    bucket = f'{labels}dataset="parking"'
    name = "penstock_publish_commit_seconds"
    still |= {
        f'{name}_bucket{{{bucket}, le="2.5"}}': "89000x60",
        f'{name}_bucket{{{bucket}, le="+Inf"}}': "90000x60",
        f"{name}_count{{{bucket}}}": "90000x60",
    }
    return {
        "interval": "1m",
        "name": "a quiet night",
        "input_series": [{"series": series, "values": values} for series, values in still.items()],
        "promql_expr_test": [{"expr": "ALERTS", "eval_time": f"{at}m", "exp_samples": []} for at in range(0, 61, 5)],
    }
