"""Records the live table of a real run as an animated picture, docs/demo.svg or docs/city.svg.

    make demo ONCE=1 && .venv/bin/python examples/record.py [--example smart-city]

Runs the example with its generator, keeps what the table shows once a second, and writes the frames one after another.
"""

import argparse
import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
import time
from pathlib import Path

import demo
from rich.console import Console
from rich.terminal_theme import MONOKAI

from penstock.ops.feeding import feeding
from penstock.ops.show import watch_of
from penstock.ops.table import render
from penstock.ops.up import running

ROOT = Path(__file__).resolve().parents[1]
FRAME_S = 1.0
PICTURES = {"cross-border-tax": "demo.svg", "smart-city": "city.svg"}
# As rich's own form, without the font that it would fetch from elsewhere.
FORM = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}</style><defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g></svg>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", default="cross-border-tax", choices=PICTURES)
    parser.add_argument("--frames", type=int, default=20)
    arguments = parser.parse_args()
    source = ROOT / "examples" / arguments.example
    with tempfile.TemporaryDirectory() as folder:
        frames = record(source, Path(folder) / arguments.example, arguments.frames)
    (ROOT / "docs" / PICTURES[arguments.example]).write_text(animated(frames))


def record(source: Path, directory: Path, count: int) -> list[str]:
    demo.copy(source, directory)
    frames = []
    sensors = source / "sensors.py"
    rate = ("--rate", str(demo.RATE))
    fed = [sys.executable, str(sensors), *rate] if sensors.exists() else demo.generate(source, directory, *rate)
    with contextlib.ExitStack() as stack:
        if sensors.exists():
            os.environ.update(stack.enter_context(demo.mqtt(directory)))
        run = stack.enter_context(running(directory, lambda said: print(said, file=sys.stderr), unsigned=False))
        stack.enter_context(feeding(shlex.join(fed), run.documents, run.wiring, run.supervisor.snapshot))
        watch = watch_of(run)
        for _ in range(count):
            time.sleep(FRAME_S)  # the frames' rate
            frames.append(frame(render(watch.snapshot())))
    return frames


def frame(table: object) -> str:
    console = Console(record=True, width=118, height=34, file=io.StringIO(), force_terminal=True)
    console.print(table)
    return console.export_svg(title="penstock up", theme=MONOKAI, code_format=FORM)


def animated(frames: list[str]) -> str:
    """Return one picture that shows the frames in turn, for ever."""
    sizes = [tuple(map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', one).groups())) for one in frames]
    width, height = max(one[0] for one in sizes), max(one[1] for one in sizes)
    total = len(frames) * FRAME_S
    shown = []
    for number, one in enumerate(frames):
        start, end = number / len(frames), (number + 1) / len(frames)
        times = f"0;{start:.4f};{min(end, 1):.4f};1" if number else f"0;{end:.4f};1"
        values = "hidden;visible;hidden;hidden" if number else "visible;hidden;hidden"
        animate = (
            f'<animate attributeName="visibility" calcMode="discrete" dur="{total}s" repeatCount="indefinite" '
            f'keyTimes="{times}" values="{values}"/>'
        )
        sized = one.replace("<svg ", f'<svg width="{sizes[number][0]}" height="{sizes[number][1]}" ', 1)
        # Where pictures do not move, the last frame stands.
        visibility = "visible" if number == len(frames) - 1 else "hidden"
        shown.append(f'<g visibility="{visibility}">{animate}{sized}</g>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
    return head + "\n".join(shown) + "</svg>\n"


if __name__ == "__main__":
    main()
