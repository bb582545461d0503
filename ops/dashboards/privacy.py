"""The dashboard "Privacy", for data-protection officers: does protection work, and does a no act at once."""

from .panel import Dashboard, Panel, Query, Row, Threshold
from .promql import (
    AGREEMENT,
    ANY,
    DATASET,
    ECOSYSTEM,
    OF_AGREEMENT,
    OF_DATASET,
    grown,
    least,
    moving,
    one,
    or_zero,
    rate,
    risen,
    worst,
)

ENCRYPTED, WITHHELD = "penstock_fields_encrypted_total", "penstock_events_withheld_total"
UNCLASSIFIED, REFUSED = "penstock_fields_unclassified_total", "penstock_access_refused_total"

NOW = Row(
    "Now",
    (
        Panel(
            "Key store and KMS",
            "number",
            "share",
            one(f"min({least('penstock_store_healthy')} or {least('penstock_kms_healthy')})", "healthy"),
            "100 % while both are well. Without them nothing that needs a key is released.",
            width=6,
            colour="bad",
            thresholds=(Threshold(1, "good"),),
        ),
        Panel(
            "A no acts within",
            "number",
            "seconds",
            one(worst("penstock_control_age_seconds"), "age of control"),
            "The oldest knowledge of what is in force that any role works on: a suspension acts no later than this.",
            width=6,
            colour="good",
            thresholds=(Threshold(1, "watch"), Threshold(60, "bad")),
        ),
        Panel(
            "Encrypted field values",
            "number",
            "count",
            one(grown(ENCRYPTED, where=OF_AGREEMENT), "encrypted"),
            "Field values encrypted for recipients in the time shown.",
            width=6,
        ),
        Panel(
            "Unclassified field values",
            "number",
            "count",
            one(grown(UNCLASSIFIED, where=OF_DATASET), "unclassified"),
            "Values of fields that nobody classified, in the time shown. None reached a view; somebody should classify "
            "them, or tell the provider to stop sending them.",
            width=6,
            colour="good",
            thresholds=(Threshold(1, "watch"),),
        ),
    ),
    height=4,
)

DECISIONS = Row(
    "Decisions",
    (
        Panel(
            "Withheld by reason",
            "areas",
            "events/s",
            one(moving(rate(WITHHELD, "reason", OF_AGREEMENT), "reason"), "{{reason}}"),
            "Why events were kept back: consent, purpose, legal basis, place, validity, predicate.",
            width=12,
        ),
        Panel(
            "Withheld for want of consent",
            "bars",
            "count",
            one(
                or_zero(grown(WITHHELD, "agreement", f'{OF_AGREEMENT}, reason="consent"'), "agreement"),
                "{{agreement}}",
            ),
            "Events in the time shown whose subject has not consented, or has withdrawn.",
            width=12,
        ),
        Panel(
            "Released by agreement",
            "areas",
            "events/s",
            one(rate("penstock_events_released_total", "agreement", OF_AGREEMENT), "{{agreement}}"),
            "What goes to whom. Each release stands in the audit log, personal ones in the disclosure log too.",
            width=12,
        ),
        Panel(
            "Agreements by state",
            "bars",
            "count",
            one(
                f"sum by (state) (max by (agreement, state) (penstock_agreement_status{{{OF_AGREEMENT}}}))", "{{state}}"
            ),
            "How many agreements are in force, suspended, ended, or not yet valid.",
            width=12,
        ),
    ),
)

PROTECTION = Row(
    "Protection",
    (
        Panel(
            "Encrypted field values",
            "areas",
            "operations/s",
            one(rate(ENCRYPTED, "agreement", OF_AGREEMENT), "{{agreement}}"),
            "Field values encrypted for each agreement. A line that falls to nothing while events flow is a question.",
        ),
        Panel(
            "Fields nobody classified",
            "lines",
            "count",
            one(grown(UNCLASSIFIED, "dataset", OF_DATASET), "{{dataset}}"),
            "Values of fields that no contract knows, over the time shown. They reach no view.",
        ),
        Panel(
            "Quarantine by reason",
            "areas",
            "records/s",
            one(moving(rate("penstock_events_quarantined_total", "reason", OF_DATASET), "reason"), "{{reason}}"),
            "Refused records lie encrypted in quarantine; each is personal data until proven otherwise.",
        ),
        Panel(
            "Age of control",
            "lines",
            "seconds",
            one(worst("penstock_control_age_seconds", "role"), "{{role}}"),
            "How old each role's knowledge of what is in force is.",
            thresholds=(Threshold(60, "bad"),),
        ),
        Panel(
            "Use of keys",
            "areas",
            "operations/s",
            (
                Query(moving(rate("penstock_store_operations_total", "operation"), "operation"), "store {{operation}}"),
                Query(moving(rate("penstock_kms_operations_total", "operation"), "operation"), "KMS {{operation}}"),
            ),
            "What was asked of the key store and the KMS: a use of keys that no flow explains is a question.",
        ),
        Panel(
            "Keys not to be had",
            "lines",
            "count",
            (
                Query(
                    or_zero(grown("penstock_store_operations_total", "outcome", f'{ANY}, outcome!="ok"'), "outcome"),
                    "store {{outcome}}",
                ),
                Query(
                    or_zero(grown("penstock_kms_operations_total", "outcome", f'{ANY}, outcome!="ok"'), "outcome"),
                    "KMS {{outcome}}",
                ),
            ),
            "Operations on keys that failed in the time shown. What needed them waited.",
        ),
    ),
)

ACCESS = Row(
    "Access",
    (
        Panel(
            "Turned away by door",
            "areas",
            "requests/s",
            one(moving(rate(REFUSED, "door, reason"), "door"), "{{door}}: {{reason}}"),
            "Requests for data, keys or schemas that were refused, by door and reason.",
            width=12,
        ),
        Panel(
            "Turned away in the time shown",
            "bars",
            "count",
            one(
                or_zero(f"topk(15, {risen(REFUSED, 'principal, door, reason')} > 0)", "principal"),
                "{{principal}} at {{door}}: {{reason}}",
            ),
            "Who was refused where. `unknown` is nobody that the documents know.",
            width=12,
        ),
    ),
)

PRIVACY = Dashboard(
    uid="penstock-privacy",
    title="Penstock: Privacy",
    audience="data-protection officers",
    variables=(ECOSYSTEM, DATASET, AGREEMENT),
    rows=(NOW, DECISIONS, PROTECTION, ACCESS),
)
