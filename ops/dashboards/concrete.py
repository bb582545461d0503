"""A dashboard's query as Prometheus takes it: Grafana's variables filled in as Grafana fills them."""

from .panel import Dashboard

_EVERYTHING = ".*"


def concrete(expression: str, dashboard: Dashboard, *, range_s: int, rate_interval_s: int) -> str:
    """Return `expression` with everything chosen, over `range_s`.

    `rate_interval_s` should be at least four times what lies between two scrapes.
    """
    filled = expression.replace("$__rate_interval", f"{rate_interval_s}s").replace("$__range", f"{range_s}s")
    for variable in dashboard.variables:
        filled = filled.replace(f"${variable.name}", _EVERYTHING)
    return filled
