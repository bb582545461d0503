"""Where panels stand in Grafana's grid: 24 wide, rows below each other, no overlap."""

from collections.abc import Iterator
from dataclasses import dataclass

from .panel import WIDTH, Dashboard, Panel, Row


@dataclass(frozen=True, slots=True)
class Place:
    """A panel, or a row's heading, with its rectangle in the grid."""

    what: Panel | Row
    x: int
    y: int
    width: int
    height: int


def places(dashboard: Dashboard) -> Iterator[Place]:
    """Yield everything of a dashboard from the top to the bottom."""
    y = 0
    for row in dashboard.rows:
        yield Place(row, 0, y, WIDTH, 1)
        y += 1
        x = 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + row.height
            yield Place(panel, x, y, panel.width, row.height)
            x += panel.width
        y += row.height
