"""The dashboard "Agreements", for integration leads: what each partner gets, and what is about to change."""

from .panel import Dashboard, Panel, Query, Row, Threshold
from .promql import (
    AGREEMENT,
    DATASET,
    ECOSYSTEM,
    OF_AGREEMENT,
    OF_DATASET,
    grown,
    moving,
    one,
    or_zero,
    quantile,
    rate,
    risen,
    worst,
)

DAY_S = 86_400
RELEASED, WITHHELD = "penstock_events_released_total", "penstock_events_withheld_total"
LEFT = f"(max by (agreement) (penstock_agreement_expires_timestamp_seconds{{{OF_AGREEMENT}}}) - time()) / {DAY_S}"
IN_FORCE = f'penstock_agreement_status{{{OF_AGREEMENT}, state="in_force"}}'
BEHIND = f"sum by (agreement) (penstock_agreement_behind_records{{{OF_AGREEMENT}}})"
STATE = f"max by (agreement, state) (penstock_agreement_status{{{OF_AGREEMENT}}}) == 1"

STANDING = Row(
    "Standing",
    (
        Panel(
            "In force",
            "number",
            "count",
            one(or_zero(f"sum(max by (agreement) ({IN_FORCE}))"), "in force"),
            "Agreements under which something may be released now.",
            width=6,
        ),
        Panel(
            "End within 30 days",
            "number",
            "count",
            one(or_zero(f"count({LEFT} < 30 and on (agreement) max by (agreement) ({IN_FORCE}) == 1)"), "ending"),
            "Agreements in force whose validity ends within 30 days: time to sign the next one.",
            width=6,
            colour="good",
            thresholds=(Threshold(1, "watch"),),
        ),
        Panel(
            "Released in the time shown",
            "number",
            "count",
            one(grown(RELEASED, where=OF_AGREEMENT), "released"),
            "Events put into the views of the agreements chosen.",
            width=6,
        ),
        Panel(
            "Share withheld",
            "number",
            "share",
            one(
                f"({or_zero(grown(WITHHELD, where=OF_AGREEMENT))}) / "
                f"({grown(RELEASED, where=OF_AGREEMENT)} + ({or_zero(grown(WITHHELD, where=OF_AGREEMENT))}))",
                "withheld",
            ),
            "Of all decisions of the agreements chosen, how many kept the event back. High is not wrong: a predicate "
            "may want few.",
            width=6,
        ),
    ),
    height=4,
)

EACH = Row(
    "Each agreement",
    (
        Panel(
            "Agreements",
            "table",
            "count",
            (
                Query(STATE, "in this state", "count"),
                Query(LEFT, "days left", "days"),
                Query(grown(RELEASED, "agreement", OF_AGREEMENT), "released", "count"),
                Query(grown(WITHHELD, "agreement", OF_AGREEMENT), "withheld", "count"),
                Query(BEHIND, "behind", "count"),
            ),
            "The state of every agreement, the days until it ends, what it did in the time shown, and how many records "
            "it is behind: parked, or catching up.",
            width=24,
        ),
    ),
    height=14,
)

MOVES = Row(
    "Released and withheld",
    (
        Panel(
            "Released",
            "areas",
            "events/s",
            one(rate(RELEASED, "agreement", OF_AGREEMENT), "{{agreement}}"),
            "What each recipient gets.",
            width=12,
        ),
        Panel(
            "Withheld by reason",
            "areas",
            "events/s",
            one(moving(rate(WITHHELD, "agreement, reason", OF_AGREEMENT), "agreement"), "{{agreement}}: {{reason}}"),
            "What each recipient does not get, and under which reason code.",
            width=12,
        ),
        Panel(
            "Freshness",
            "lines",
            "seconds",
            one(quantile(0.99, "penstock_publish_commit_seconds", "dataset", OF_DATASET), "p99 {{dataset}}"),
            "How old the slowest hundredth of events is when a recipient can read it.",
            width=12,
            thresholds=(Threshold(2.5, "bad"),),
        ),
        Panel(
            "Released in the time shown",
            "bars",
            "count",
            one(grown(RELEASED, "agreement", OF_AGREEMENT), "{{agreement}}"),
            "The agreements beside each other.",
            width=12,
        ),
    ),
)

QUALITY = Row(
    "Quality of what providers send",
    (
        Panel(
            "Flagged",
            "areas",
            "events/s",
            one(
                moving(rate("penstock_events_flagged_total", "dataset, flag", OF_DATASET), "dataset"),
                "{{dataset}}: {{flag}}",
            ),
            "Events that broke a quality rule of their contract: published, with the flag.",
        ),
        Panel(
            "Refused",
            "areas",
            "records/s",
            one(
                moving(rate("penstock_events_quarantined_total", "dataset, reason", OF_DATASET), "dataset"),
                "{{dataset}}: {{reason}}",
            ),
            "Records that did not keep their contract and went to quarantine.",
        ),
        Panel(
            "Sent again",
            "areas",
            "records/s",
            one(moving(rate("penstock_events_duplicate_total", "source"), "source"), "{{source}}"),
            "The same record once more within the contract's window: discarded.",
        ),
        Panel(
            "Fields nobody classified",
            "lines",
            "count",
            one(grown("penstock_fields_unclassified_total", "dataset", OF_DATASET), "{{dataset}}"),
            "Values of fields that no contract knows, over the time shown. They reach no view; a provider's software "
            "changed.",
        ),
        Panel(
            "Silence of sources",
            "lines",
            "seconds",
            one(worst("penstock_source_silence_seconds", "source"), "{{source}}"),
            "Since each source's last record.",
        ),
        Panel(
            "Partners turned away",
            "bars",
            "count",
            one(
                or_zero(f"topk(15, {risen('penstock_access_refused_total', 'principal, reason')} > 0)", "principal"),
                "{{principal}}: {{reason}}",
            ),
            "Who was refused at a door in the time shown, and why: an expired credential is a phone call.",
        ),
    ),
)

AGREEMENTS = Dashboard(
    uid="penstock-agreements",
    title="Penstock: Agreements",
    audience="integration leads",
    variables=(ECOSYSTEM, DATASET, AGREEMENT),
    rows=(STANDING, EACH, MOVES, QUALITY),
)
