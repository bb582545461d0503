"""The summary that `up --once` ends with: what an ecosystem's audit log adds up to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..streams.totals import AgreementTotals, Totals


def summary(totals: Totals, agreements: Iterable[str], seconds: float) -> Mapping[str, Any]:
    """Return the summary; every one of `agreements` is in it, also those to which nothing happened.

    `published` counts records on provider topics, `quarantined` refusals at both doors, `duplicates` what was
    discarded since it was published before, `unclassified` values of fields that no contract knows and no view shows,
    `flagged` published events by quality flag, over the ecosystem's life.
    """
    datasets = totals.datasets.values()
    return {
        "events": {
            "published": sum(max(one.processed, one.published) for one in datasets),
            "quarantined": sum(one.quarantined for one in datasets),
            "duplicates": sum(one.duplicates for one in datasets),
            "unclassified": sum(one.unclassified for one in datasets),
            "flagged": dict(sorted(sum((Counter(one.flagged) for one in datasets), Counter()).items())),
        },
        "agreements": {
            key: {"delivered": one.delivered, "withheld": dict(sorted(one.withheld.items()))}
            for key, one in ((key, totals.agreements.get(key, AgreementTotals())) for key in sorted(agreements))
        },
        "seconds": round(seconds, 3),
    }
