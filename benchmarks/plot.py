"""Small SVG pictures: bars, and lines over a logarithmic axis."""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, ROW, LEFT, RIGHT = 720, 26, 150, 110
HEIGHT, BOTTOM, TOP = 380, 46, 40
COLOURS = ("#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#808080")
STYLE = "font-family:sans-serif;font-size:12px"


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """Return a picture of one bar a name, the longest first."""
    ordered = sorted(values.items(), key=lambda one: -one[1])
    longest = max(values.values(), default=1) or 1
    room = WIDTH - LEFT - RIGHT
    drawn = []
    for number, (name, value) in enumerate(ordered):
        top = TOP + number * ROW
        drawn += [
            text(LEFT - 8, top + 14, name, "end"),
            f'<rect x="{LEFT}" y="{top}" width="{room * value / longest:.1f}" height="{ROW - 8}" fill="{COLOURS[0]}"/>',
            text(LEFT + room * value / longest + 6, top + 14, f"{value:,.0f} {unit}"),
        ]
    return svg(title, TOP + ROW * len(ordered) + 10, drawn)


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], across: str, up: str) -> str:
    """Return a picture of several lines, both axes logarithmic. Values must be above 0."""
    points = [point for line in series.values() for point in line if point[0] > 0 and point[1] > 0]
    if not points:
        return svg(title, TOP, [])
    xs, ys = Axis([x for x, _ in points], LEFT, WIDTH - RIGHT), Axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
    drawn = [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, across, "middle"), text(8, TOP - 10, up)]
    drawn += [text(xs.at(tick), HEIGHT - BOTTOM + 16, short(tick), "middle") for tick in sorted({x for x, _ in points})]
    for tick in ys.ticks():
        drawn += [rule(LEFT, ys.at(tick), WIDTH - RIGHT), text(LEFT - 8, ys.at(tick) + 4, short(tick), "end")]
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(xs.at(x), ys.at(y)) for x, y in line if x > 0 and y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        if places:
            drawn.append(text(places[-1][0] + 8, places[-1][1] + 4, name, colour=colour))
    return svg(title, HEIGHT, drawn)


class Axis:
    """A logarithmic axis from `begin` to `end` in the picture."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self._low, self._high = math.log10(min(values)), math.log10(max(values))
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        span = self._high - self._low or 1.0
        return self._begin + (self._end - self._begin) * (math.log10(value) - self._low) / span

    def ticks(self) -> list[float]:
        """Return powers of ten inside, or the ends where there are none."""
        powers = [10.0**power for power in range(math.ceil(self._low), math.floor(self._high) + 1)]
        return powers if len(powers) > 1 else [10**self._low, *powers, 10**self._high]


def short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def text(x: float, y: float, said: str, anchor: str = "start", colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(said)}</text>'


def rule(x: float, y: float, until: float) -> str:
    return f'<line x1="{x}" x2="{until}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'


def svg(title: str, height: float, drawn: Sequence[str]) -> str:
    """Return the picture with its title, for eyes and for screen readers."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" style="{STYLE}" role="img">'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    name = f'<text x="12" y="20" font-weight="bold">{escape(title)}</text>'
    return "\n".join([head, f"<title>{escape(title)}</title>", ground, name, *drawn, "</svg>", ""])
