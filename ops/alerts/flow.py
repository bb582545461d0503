"""Alerts about what flows: lag, aborts, quarantine, silence, agreements, freshness."""

from .alert import Alert
from .burn import BURN_ALERTS
from .pace import Pace

DAY_S = 86_400
EXPIRES_DAYS = 14
FEWEST = 10
"""With fewer events in the window a share says nothing."""
MOST_REFUSED = 0.05
MOST_ABORTS = 3


def _aborting(pace: Pace) -> str:
    window = pace.window(600)
    aborts = 'increase(penstock_transactions_total{outcome="aborted"}[' + window + "])"
    fences = f"increase(penstock_fences_total[{window}])"
    return f"sum by (ecosystem, role) ({aborts}) > {MOST_ABORTS}\nor sum by (ecosystem, role) ({fences}) > 2"


def _quarantine(pace: Pace) -> str:
    window = pace.window(600)
    bad = f"sum by (ecosystem, dataset) (increase(penstock_events_quarantined_total[{window}]))"
    good = f"sum by (ecosystem, dataset) (increase(penstock_events_in_total[{window}]))"
    return f"{bad} / ({bad} + {good}) > {MOST_REFUSED}\nand {bad} > {FEWEST}"


_RELEASED = "penstock_events_released_total"
_OVER = 'max by (ecosystem, agreement) (penstock_agreement_status{state=~"terminated|expired"}) == 1'


def _more_than(least: int, what: str, window: str) -> str:
    return f"(sum by (ecosystem, agreement) (increase({what}[{window}])) > {least})"


def _withheld_of_late(pace: Pace) -> str:
    # Consent and predicate are of single events: a quarter of an hour in which nobody's fits is no trouble.
    withheld = 'penstock_events_withheld_total{reason!~"consent|predicate"}'
    lately = pace.window(900)
    return (
        f"{_more_than(FEWEST, withheld, lately)}\n"
        f"unless {_more_than(0, _RELEASED, lately)}\n"
        f"unless {_OVER}\n"
        f"and {_more_than(0, _RELEASED, pace.window(7 * DAY_S))}"
    )


def _withheld_for_a_day(pace: Pace) -> str:
    day = pace.window(DAY_S)
    withheld = 'penstock_events_withheld_total{reason!="not_yet_valid"}'
    return f"{_more_than(FEWEST, withheld, day)}\nunless {_more_than(0, _RELEASED, day)}\nunless {_OVER}"


def _expires(_: Pace) -> str:
    left = "max by (ecosystem, agreement) (penstock_agreement_expires_timestamp_seconds) - time()"
    in_force = 'max by (ecosystem, agreement) (penstock_agreement_status{state="in_force"}) == 1'
    return f"{left} < {EXPIRES_DAYS * DAY_S}\nand {in_force}"


def _silent(_: Pace) -> str:
    silence = "max by (ecosystem, source) (penstock_source_silence_seconds)"
    return f"{silence}\n> max by (ecosystem, source) (penstock_source_silence_limit_seconds)"


FLOW_ALERTS = (
    Alert(
        "PenstockLagHigh",
        "warning",
        120,
        lambda pace: f"max by (ecosystem, dataset) (penstock_lag_seconds) > {pace.seconds(60)}",
        "{{ $labels.dataset }} of {{ $labels.ecosystem }} is {{ $value | humanizeDuration }} behind",
        "Recipients get this dataset late. Nothing is lost as long as it catches up within the topic's retention.",
    ),
    Alert(
        "PenstockTransactionsAborting",
        "warning",
        0,
        _aborting,
        "{{ $labels.role }} of {{ $labels.ecosystem }} aborts its transactions",
        "Batches are done again and again, or the slot is taken by another process of the same number. Readers see "
        "nothing of an aborted transaction; the dataset falls behind.",
    ),
    Alert(
        "PenstockQuarantineRate",
        "warning",
        60,
        _quarantine,
        "{{ $value | humanizePercentage }} of {{ $labels.dataset }} of {{ $labels.ecosystem }} goes to quarantine",
        "More than 5 % of the last ten minutes' records were refused: a provider's system changed, or sends rubbish.",
    ),
    Alert(
        "PenstockSourceSilent",
        "warning",
        0,
        _silent,
        "the source {{ $labels.source }} of {{ $labels.ecosystem }} is silent for {{ $value | humanizeDuration }}",
        "That is longer than it promises in connectors.yaml (`silence_after`). A source without a promise is never "
        "reported.",
    ),
    Alert(
        "PenstockAgreementAllWithheld",
        "warning",
        0,
        _withheld_of_late,
        "{{ $labels.agreement }} of {{ $labels.ecosystem }} releases nothing any more",
        "Events of its dataset flow, and all of them were withheld for a quarter of an hour. It released some within "
        "the last seven days. The reason codes say why: a suspension, the charter, a predicate that fails, a key.",
    ),
    Alert(
        "PenstockAgreementAllWithheld",
        "info",
        DAY_S / 2,
        _withheld_for_a_day,
        "{{ $labels.agreement }} of {{ $labels.ecosystem }} has released nothing for a day",
        "Events of its dataset flow, and none fitted it for a day, perhaps since it was put in force: a predicate that "
        "fits no event, consents that never arrived, a suspension that was forgotten.",
    ),
    Alert(
        "PenstockAgreementParked",
        "warning",
        60,
        lambda _: "max by (ecosystem, agreement) (penstock_agreement_parked) == 1",
        "{{ $labels.agreement }} of {{ $labels.ecosystem }} is parked: its view topic or its key fails",
        "Its events are put aside and the other agreements go on. It catches up by itself, in order and without loss, "
        "once the fault is mended, as long as the provider topic still holds the events.",
    ),
    Alert(
        "PenstockAgreementExpires",
        "info",
        0,
        _expires,
        "{{ $labels.agreement }} of {{ $labels.ecosystem }} ends in {{ $value | humanizeDuration }}",
        "From that moment on everything is withheld. Both parties sign a successor before, or let it end.",
    ),
    *BURN_ALERTS,
)
