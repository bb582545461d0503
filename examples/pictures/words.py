"""Numbers as people read them."""

from collections.abc import Callable, Mapping

from penstock.ops.dashboards.panel import Unit

_PER_SECOND = frozenset({"events/s", "records/s", "requests/s", "messages/s", "operations/s"})


def said(value: float | None, unit: Unit) -> str:
    """Return `value` with its unit, short."""
    if value is None:
        return "no data"
    if unit in _PER_SECOND:
        return f"{_short(value)}/s"
    return _FORMS.get(unit, _short)(value)


def _short(value: float) -> str:
    for size, name in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if name == ' k' else size):.3g}{name}"
    if value == int(value) or abs(value) >= 20:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    if value < 0.001:
        return f"{value * 1e6:.3g} µs"
    if value < 1:
        return f"{value * 1e3:.3g} ms"
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.3g} min" if value < 7200 else f"{value / 3600:.3g} h"


def _bytes(value: float) -> str:
    for size, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.0f} B"


_FORMS: Mapping[Unit, Callable[[float], str]] = {
    "seconds": _seconds,
    "share": lambda value: f"{value * 100:.4g} %",
    "bytes": _bytes,
    "days": lambda value: f"{value:,.0f}",
}
