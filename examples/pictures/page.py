"""A dashboard as one HTML page without any outside resource, laid out as Grafana lays it out."""

from collections.abc import Sequence
from html import escape

from chart import COLOURS, chart, colour, spark
from data import Asker, Series
from words import said

from penstock.ops.dashboards.layout import Place, places
from penstock.ops.dashboards.panel import Dashboard, Panel, Row

WIDTH, CELL, GAP, HEAD = 1600, 25, 8, 64
TITLE, LEGEND, LEGEND_LINE = 30, 8, 19
STYLE = """
*{box-sizing:border-box;margin:0}
body{width:WIDTHpx;background:#111217;color:#ccccdc;font:13px/1.3 Inter,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
header{position:absolute;left:16px;top:16px;right:16px;display:flex;align-items:baseline;gap:14px}
header b{font-size:21px;font-weight:500;color:#fff}header span{color:#9a9fb0}header span:last-child{margin-left:auto}
.row{position:absolute;font-size:15px;font-weight:500;color:#e8e9f3;padding:0 6px;line-height:22px}
.panel{position:absolute;background:#181b1f;border:1px solid #25282f;border-radius:3px;overflow:hidden}
h2{font-size:13.5px;font-weight:500;color:#dfe0ea;padding:8px 10px 0;white-space:nowrap}
svg{display:block}svg text{font-size:11px;fill:#9a9fb0}svg .grid{stroke:#2c3038;stroke-width:1}
.legend{position:absolute;left:10px;right:8px;bottom:6px;display:flex;flex-wrap:wrap;overflow:hidden;gap:0 14px;
font-size:11.5px;color:#b6bac8}
.legend i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:3px}
.legend span{line-height:19px;white-space:nowrap}
.value{position:absolute;left:0;right:0;top:25px;text-align:center;font-size:33px;font-weight:500}
.spark{position:absolute;left:0;bottom:0}
.bar{display:grid;grid-template-columns:minmax(60px,38%) 1fr 76px;gap:10px;align-items:center;padding:3px 12px;
font-size:12px}
.bar u{display:block;height:13px;border-radius:2px;text-decoration:none}.bar em{background:#22252b;border-radius:2px}
.bar span:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.bar span:last-child{text-align:right}
table{width:100%;border-collapse:collapse;font-size:12.5px}th{text-align:left;font-weight:500;color:#8ab8ff}
th,td{padding:3.5px 12px;border-bottom:1px solid #25282f}td.n,th.n{text-align:right}
.none{position:absolute;left:0;right:0;top:45%;text-align:center;color:#7b8087}
"""


def page(dashboard: Dashboard, asker: Asker, when: str) -> tuple[str, int]:
    """Return the page and its height in pixels."""
    laid = list(places(dashboard))
    bottom = HEAD + max(one.y + one.height for one in laid) * CELL + 12
    head = (
        f"<header><b>{escape(dashboard.title)}</b><span>for {escape(dashboard.audience)}</span>"
        f"<span>{escape(when)}</span></header>"
    )
    body = head + "".join(_placed(one, dashboard, asker) for one in laid)
    style = STYLE.replace("WIDTH", str(WIDTH))
    return f'<!doctype html><meta charset="utf-8"><style>{style}</style><body>{body}</body>', bottom


def _placed(place: Place, dashboard: Dashboard, asker: Asker) -> str:
    unit = (WIDTH - 2 * GAP) / 24
    x, y = GAP + place.x * unit, HEAD + place.y * CELL
    width, height = int(place.width * unit) - GAP, place.height * CELL - GAP
    where = f'style="left:{x:.0f}px;top:{y}px;width:{width}px;height:{height}px"'
    if isinstance(place.what, Row):
        return f'<div class="row" {where}>{escape(place.what.title)}</div>'
    panel = place.what
    found = [asker.series(panel, query, dashboard) for query in panel.queries]
    return (
        f'<div class="panel" {where}><h2>{escape(panel.title)}</h2>{_inside(panel, found, asker, width, height)}</div>'
    )


def _inside(panel: Panel, found: Sequence[list[Series]], asker: Asker, width: int, height: int) -> str:
    series = [one for several in found for one in several if one.newest is not None]
    if not series:
        return '<div class="none">no data</div>'
    if panel.kind == "number":
        return _number(panel, series[0], width, height)
    if panel.kind == "bars":
        return _bars(panel, series, height)
    if panel.kind == "table":
        return _table(panel, found, height)
    return _chart(panel, series, asker, width, height)


def _chart(panel: Panel, series: list[Series], asker: Asker, width: int, height: int) -> str:
    if len(series) > 1:  # what never happened, beside what did
        series = [one for one in series if one.name != "none"] or series
    lines = _lines(series, width)
    size = (width - 4, height - TITLE - LEGEND - lines * LEGEND_LINE)
    drawn = chart(panel, series, size, (asker.end - asker.range_s, asker.end))
    keys = "".join(
        f'<span><i style="background:{colour(number)}"></i>{escape(one.name)}</span>'
        for number, one in enumerate(series)
    )
    return f'{drawn}<div class="legend" style="height:{lines * LEGEND_LINE}px">{keys}</div>'


def _lines(series: list[Series], width: int) -> int:
    """Return how many lines the legend takes: at most three."""
    lines, used = 1, 0.0
    for one in series:
        wide = 34 + 6.2 * len(one.name)
        if used and used + wide > width - 18:
            lines, used = lines + 1, 0.0
        used += wide
    return min(lines, 3)


def _number(panel: Panel, one: Series, width: int, height: int) -> str:
    shade = _shade(panel, one.newest)
    drawn = spark(one.values, (width - 2, height // 4), shade)
    return f'<div class="value" style="color:{shade}">{escape(said(one.newest, panel.unit))}</div>{drawn}'


def _shade(panel: Panel, value: float | None) -> str:
    reached = [one.colour for one in panel.thresholds if value is not None and value >= one.value]
    return COLOURS[reached[-1] if reached else panel.colour]


def _bars(panel: Panel, series: list[Series], height: int) -> str:
    series = sorted(series, key=lambda one: -(one.newest or 0))[: (height - TITLE - 6) // 22]
    highest = max((one.newest or 0) for one in series) or 1.0
    return '<div style="padding-top:6px">' + "".join(_bar(panel, one, highest) for one in series) + "</div>"


def _bar(panel: Panel, one: Series, highest: float) -> str:
    fill = f"width:{100 * (one.newest or 0) / highest:.1f}%;background:{_shade(panel, one.newest)}"
    value = escape(said(one.newest, panel.unit))
    return f'<div class="bar"><span>{escape(one.name)}</span><em><u style="{fill}"></u></em><span>{value}</span></div>'


def _table(panel: Panel, found: Sequence[list[Series]], height: int) -> str:
    labels = list(dict.fromkeys(name for several in found for one in several for name in one.labels))
    rows: dict[str, dict[str, str]] = {}
    for query, several in zip(panel.queries, found, strict=True):
        for one in several:
            row = rows.setdefault(one.labels.get(labels[0], ""), {})
            row |= dict(one.labels)
            row[query.legend] = said(one.newest, query.unit or panel.unit)
    values = [query.legend for query in panel.queries if query.legend != "in this state"]
    heads = "".join(f"<th>{escape(name)}</th>" for name in labels)
    heads += "".join(f'<th class="n">{escape(name)}</th>' for name in values)
    lines = [
        "".join(f"<td>{escape(row.get(name, ''))}</td>" for name in labels)
        + "".join(f'<td class="n">{escape(row.get(name, "0"))}</td>' for name in values)
        for _, row in sorted(rows.items())
    ]
    room = (height - TITLE - 26) // 24
    body = "".join(f"<tr>{line}</tr>" for line in lines[:room])
    return f'<table style="margin-top:6px"><tr>{heads}</tr>{body}</table>'
