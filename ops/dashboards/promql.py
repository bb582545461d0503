"""The few shapes of PromQL that the dashboards need, each scoped by the dashboard's variables."""

from .panel import Query, Variable

ANY = 'ecosystem=~"$ecosystem"'
OF_DATASET = f'{ANY}, dataset=~"$dataset"'
OF_AGREEMENT = f'{ANY}, agreement=~"$agreement"'

ECOSYSTEM = Variable("ecosystem", "penstock_build_info")
DATASET = Variable("dataset", "penstock_events_in_total")
AGREEMENT = Variable("agreement", "penstock_agreement_status")


def rate(metric: str, by: str = "", where: str = ANY) -> str:
    """Return what a counter grows by in a second, summed over all but `by`."""
    return f"{_sum(by)}(rate({metric}{{{where}}}[$__rate_interval]))"


def grown(metric: str, by: str = "", where: str = ANY) -> str:
    """Return what a counter grew by in the time that the dashboard shows."""
    return f"{_sum(by)}(increase({metric}{{{where}}}[$__range]))"


def risen(metric: str, by: str, where: str = ANY) -> str:
    """Return what a counter grew by in the time shown, its first step included.

    `increase` does not see the step with which a series begins; a first refusal would stay unseen. After a restart of
    the process this counts from 0 again.
    """
    now, before = f"{_sum(by)}({metric}{{{where}}})", f"{_sum(by)}({metric}{{{where}}} offset $__range)"
    return f"clamp_min({now} - ({before} or {now} * 0), 0)"


def quantile(share: float, metric: str, by: str = "", where: str = ANY) -> str:
    """Return the value below which `share` of a histogram's observations lie."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', labels, where)})"


def worst(metric: str, by: str = "", where: str = ANY) -> str:
    return f"{f'max by ({by}) ' if by else 'max'}({metric}{{{where}}})"


def least(metric: str, by: str = "", where: str = ANY) -> str:
    return f"{f'min by ({by}) ' if by else 'min'}({metric}{{{where}}})"


def or_zero(expression: str, *labels: str) -> str:
    """Return `expression`, or 0 where no such series exists: what never happened happened no time.

    The zero has the word `none` in each of `labels`, so that a legend can name it.
    """
    zero = "vector(0)"
    for label in labels:
        zero = f'label_replace({zero}, "{label}", "none", "", "")'
    return f"{expression} or on () {zero}"


def moving(expression: str, *labels: str) -> str:
    """Return the series above 0, so that a legend names what happens; one 0 named `none` when nothing does."""
    return or_zero(f"{expression} > 0", *labels)


def one(expression: str, legend: str) -> tuple[Query, ...]:
    return (Query(expression, legend),)


def _sum(by: str) -> str:
    return f"sum by ({by}) " if by else "sum"
