"""Charts as SVG: lines, stacked areas, a spark behind a number."""

import math
import time
from collections.abc import Sequence
from html import escape

from data import Series
from words import said

from penstock.ops.dashboards.panel import Panel, Unit

PALETTE = (
    "#73bf69", "#5794f2", "#f2cc0c", "#ff9830", "#b877d9", "#f2495c", "#8ab8ff", "#96d98d",
    "#ffb357", "#ca95e5", "#ff7383", "#fade2a", "#37872d", "#1f60c4", "#8f3bb8", "#c4162a",
)  # fmt: skip
COLOURS = {"good": "#73bf69", "watch": "#ff9830", "bad": "#f2495c", "plain": "#5794f2"}
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 8, 20
Point = tuple[float, float]


class Frame:
    """The inside of a chart: from values to places."""

    def __init__(self, width: int, height: int, points: int, top: float) -> None:
        self.width, self.height = width, height
        self.points = max(points - 1, 1)
        self.top = top

    def x(self, number: int) -> float:
        return LEFT + (self.width - LEFT - RIGHT) * number / self.points

    def y(self, value: float) -> float:
        inside = self.height - TOP - BOTTOM
        return TOP + inside * (1 - value / self.top)


def chart(panel: Panel, series: Sequence[Series], size: tuple[int, int], span: tuple[float, float]) -> str:
    """Return the SVG of a panel of lines or areas; `span` is its first and last moment."""
    layers = _stacked(series) if panel.kind == "areas" else [one.values for one in series]
    highest = max((value for layer in layers for value in layer if value is not None), default=0.0)
    step = nice_step(highest * 1.05 or 1.0)
    top = step * max(1, math.ceil(highest * 1.05 / step))
    frame = Frame(*size, max((len(layer) for layer in layers), default=2), top)
    parts = [*_grid(frame, step, panel.unit), *_moments(frame, span)]
    if panel.kind == "areas":
        parts += _areas(frame, layers)
    else:
        parts += [
            f'<path d="{_path(frame, layer)}" fill="none" stroke="{colour(number)}" stroke-width="1.7" '
            f'stroke-linejoin="round"/>'
            for number, layer in enumerate(layers)
        ]
    parts += [
        f'<line x1="{LEFT}" x2="{size[0] - RIGHT}" y1="{frame.y(one.value):.1f}" y2="{frame.y(one.value):.1f}" '
        f'stroke="{COLOURS[one.colour]}" stroke-dasharray="6 5" stroke-width="1.2"/>'
        for one in panel.thresholds
        if 0 < one.value <= top
    ]
    return f'<svg width="{size[0]}" height="{size[1]}">{"".join(parts)}</svg>'


def spark(values: Sequence[float | None], size: tuple[int, int], fill: str) -> str:
    """Return a faint area for the foot of a number."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    highest = max(known) or 1.0
    width, height = size
    points = [
        (width * number / (len(values) - 1), height - (height - 2) * value / highest)
        for number, value in enumerate(values)
        if value is not None
    ]
    line = " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = f"M{points[0][0]:.1f},{height} L{line} L{points[-1][0]:.1f},{height} Z"
    return (
        f'<svg class="spark" width="{width}" height="{height}"><path d="{area}" fill="{fill}" opacity=".16"/>'
        f'<path d="M{line}" fill="none" stroke="{fill}" stroke-width="1.5" opacity=".75"/></svg>'
    )


def colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def nice_step(highest: float) -> float:
    """Return a step of 1, 2 or 5 times a power of ten that divides up to `highest` in at most five."""
    rough = highest / 4
    power = 10 ** math.floor(math.log10(rough))
    return next(size * power for size in (1, 2, 5, 10) if size * power >= rough)


def _stacked(series: Sequence[Series]) -> list[tuple[float | None, ...]]:
    layers: list[tuple[float | None, ...]] = []
    below = [0.0] * max((len(one.values) for one in series), default=0)
    for one in series:
        below = [floor + (value or 0.0) for floor, value in zip(below, one.values, strict=True)]
        layers.append(tuple(below))
    return layers


def _areas(frame: Frame, layers: Sequence[Sequence[float | None]]) -> list[str]:
    parts = []
    floor: Sequence[float | None] = [0.0] * (len(layers[0]) if layers else 0)
    for number, layer in enumerate(layers):
        roof = " L".join(f"{frame.x(n):.1f},{frame.y(v or 0):.1f}" for n, v in enumerate(layer))
        base = " L".join(f"{frame.x(n):.1f},{frame.y(v or 0):.1f}" for n, v in reversed(list(enumerate(floor))))
        parts.append(f'<path d="M{roof} L{base} Z" fill="{colour(number)}" opacity=".5"/>')
        parts.append(f'<path d="M{roof}" fill="none" stroke="{colour(number)}" stroke-width="1.3"/>')
        floor = layer
    return parts


def _path(frame: Frame, values: Sequence[float | None]) -> str:
    """Return a line that is broken where nothing is known; a point alone becomes a short stroke."""
    path, drawing = "", False
    for number, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        alone = not drawing and (number + 1 == len(values) or values[number + 1] is None)
        path += f"{'L' if drawing else 'M'}{frame.x(number):.1f},{frame.y(value):.1f} "
        path += "h2 " if alone else ""
        drawing = True
    return path


def _grid(frame: Frame, step: float, unit: Unit) -> list[str]:
    parts = []
    for number in range(round(frame.top / step) + 1):
        value = number * step
        y = frame.y(value)
        parts.append(f'<line x1="{LEFT}" x2="{frame.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(said(value, unit))}</text>')
    return parts


def _moments(frame: Frame, span: tuple[float, float]) -> list[str]:
    seconds = span[1] - span[0]
    steps = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
    step = next((one for one in steps if seconds / one <= max(2, frame.width / 110)), 86400)
    form = "%H:%M:%S" if step < 60 else "%H:%M"
    parts = []
    at = math.ceil(span[0] / step) * step
    while at <= span[1]:
        x = LEFT + (frame.width - LEFT - RIGHT) * (at - span[0]) / seconds
        shown = time.strftime(form, time.gmtime(at))
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{frame.height - BOTTOM}" class="grid"/>')
        if x + 24 < frame.width:
            parts.append(f'<text x="{x:.1f}" y="{frame.height - 4}" text-anchor="middle">{shown}</text>')
        at += step
    return parts
