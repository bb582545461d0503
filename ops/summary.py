"""The summary that `up --once` ends with: what an ecosystem's audit log adds up to."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..streams.totals import AgreementTotals, Totals


def summary(totals: Totals, agreements: Iterable[str], seconds: float) -> Mapping[str, Any]:
    """Return the summary; every one of `agreements` is in it, also those to which nothing happened.

    `published` counts records on provider topics, `quarantined` refusals at both doors, over the ecosystem's life.
    """
    return {
        "events": {
            "published": sum(max(one.processed, one.published) for one in totals.datasets.values()),
            "quarantined": sum(one.quarantined for one in totals.datasets.values()),
        },
        "agreements": {
            key: {"delivered": one.delivered, "withheld": dict(sorted(one.withheld.items()))}
            for key, one in ((key, totals.agreements.get(key, AgreementTotals())) for key in sorted(agreements))
        },
        "seconds": round(seconds, 3),
    }
