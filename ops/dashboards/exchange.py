"""The dashboard "Exchange", for operators: is everything up, does it flow, how fast, and what goes wrong."""

from .edge import EDGE
from .ground import GROUND
from .panel import Dashboard, Panel, Query, Row, Threshold
from .promql import (
    ANY,
    DATASET,
    ECOSYSTEM,
    OF_DATASET,
    grown,
    moving,
    one,
    or_zero,
    quantile,
    rate,
    worst,
)

IN_TIME = (
    f'sum(rate(penstock_publish_commit_seconds_bucket{{{OF_DATASET}, le="2.5"}}[$__range]))'
    f" / sum(rate(penstock_publish_commit_seconds_count{{{OF_DATASET}}}[$__range]))"
)
FIRING = 'count(ALERTS{alertname=~"Penstock.+", alertstate="firing"})'

NOW = Row(
    "Now",
    (
        Panel(
            "Roles up",
            "number",
            "share",
            one(f'sum(up{{job="penstock", {ANY}}}) / count(up{{job="penstock", {ANY}}})', "up"),
            "The share of roles that answer Prometheus. Below 100 % one is down: PenstockRoleDown says which.",
            width=4,
            colour="bad",
            thresholds=(Threshold(1, "good"),),
        ),
        Panel(
            "Alerts",
            "number",
            "count",
            one(or_zero(FIRING), "firing"),
            "Alerts of Penstock that fire now.",
            width=4,
            colour="good",
            thresholds=(Threshold(1, "bad"),),
        ),
        Panel(
            "Events in",
            "number",
            "events/s",
            one(rate("penstock_events_in_total", where=OF_DATASET), "in"),
            "Events that the exchange dealt with, a second.",
            width=4,
        ),
        Panel(
            "Released",
            "number",
            "events/s",
            one(rate("penstock_events_released_total"), "released"),
            "Events put into views, a second: one event may go to several recipients, or to none.",
            width=4,
        ),
        Panel(
            "In time",
            "number",
            "share",
            one(IN_TIME, "in time"),
            "The share of events in their views within 2.5 s of their append. Promised are 99 %.",
            width=4,
            colour="bad",
            thresholds=(Threshold(0.99, "watch"), Threshold(0.995, "good")),
        ),
        Panel(
            "Lag",
            "number",
            "seconds",
            one(worst("penstock_lag_seconds", where=OF_DATASET), "lag"),
            "How long the oldest event of the last batch had waited, in the worst dataset.",
            width=4,
            colour="good",
            thresholds=(Threshold(10, "watch"), Threshold(60, "bad")),
        ),
    ),
    height=4,
)

FLOW = Row(
    "Flow",
    (
        Panel(
            "Events in",
            "areas",
            "events/s",
            one(rate("penstock_events_in_total", "dataset", OF_DATASET), "{{dataset}}"),
            "What came through the provider topics, by dataset.",
        ),
        Panel(
            "Released",
            "areas",
            "events/s",
            one(rate("penstock_events_released_total", "agreement"), "{{agreement}}"),
            "What went into each agreement's view.",
        ),
        Panel(
            "Withheld by reason",
            "areas",
            "events/s",
            one(moving(rate("penstock_events_withheld_total", "reason"), "reason"), "{{reason}}"),
            "What stayed back, and why. A new colour after an apply is worth a question.",
        ),
        Panel(
            "Publish to commit",
            "lines",
            "seconds",
            (
                Query(quantile(0.5, "penstock_publish_commit_seconds", where=OF_DATASET), "median"),
                Query(quantile(0.99, "penstock_publish_commit_seconds", "dataset", OF_DATASET), "p99 {{dataset}}"),
            ),
            "From an event's append to the commit of its views: the median of all, and the slowest hundredth of each "
            "dataset. Promised are 2.5 s.",
            thresholds=(Threshold(2.5, "bad"),),
        ),
        Panel(
            "Lag",
            "lines",
            "seconds",
            one(worst("penstock_lag_seconds", "dataset", OF_DATASET), "{{dataset}}"),
            "How long the oldest event of the last batch had waited. It should fall after every flood.",
            thresholds=(Threshold(60, "bad"),),
        ),
        Panel(
            "Transactions",
            "lines",
            "seconds",
            (
                Query(quantile(0.99, "penstock_transaction_seconds"), "transaction p99"),
                Query(quantile(0.99, "penstock_batch_seconds"), "batch p99"),
            ),
            "How long Kafka takes for a transaction, and how long a whole batch takes with reading and protecting.",
        ),
    ),
)

TROUBLE = Row(
    "Trouble",
    (
        Panel(
            "Aborts and fences",
            "lines",
            "count",
            (
                Query(
                    or_zero(grown("penstock_transactions_total", "role", f'{ANY}, outcome="aborted"'), "role"),
                    "aborted {{role}}",
                ),
                Query(or_zero(grown("penstock_fences_total")), "fenced"),
            ),
            "Transactions that were done again, and processes that were replaced in their slot, over the time shown.",
        ),
        Panel(
            "Quarantine by reason",
            "areas",
            "records/s",
            one(moving(rate("penstock_events_quarantined_total", "reason", OF_DATASET), "reason"), "{{reason}}"),
            "What was refused at the door: mend the source, the good rows go on.",
        ),
        Panel(
            "Resent and flagged",
            "lines",
            "records/s",
            (
                Query(or_zero(rate("penstock_events_duplicate_total")), "sent again"),
                Query(moving(rate("penstock_events_flagged_total", "flag", OF_DATASET), "flag"), "{{flag}}"),
            ),
            "Records that came twice and were discarded, and events published with a quality flag.",
        ),
        Panel(
            "Waiting roles",
            "lines",
            "count",
            one(worst("penstock_role_waiting", "role"), "{{role}}"),
            "1 while a role waits for something; its /health says for what.",
        ),
        Panel(
            "Age of control",
            "lines",
            "seconds",
            one(worst("penstock_control_age_seconds", "role"), "{{role}}"),
            "How long ago each role last knew the end of the control topic: a suspension cannot act sooner.",
            thresholds=(Threshold(60, "bad"),),
        ),
        Panel(
            "Generation in force",
            "lines",
            "count",
            one(worst("penstock_generation", "role"), "{{role}}"),
            "All roles should act on the same generation within a second of an apply.",
        ),
    ),
)

EXCHANGE = Dashboard(
    uid="penstock-exchange",
    title="Penstock: Exchange",
    audience="operators",
    variables=(ECOSYSTEM, DATASET),
    rows=(NOW, FLOW, TROUBLE, EDGE, GROUND),
)
