"""Pictures of the dashboards: their own panels, drawn from what a Prometheus says, photographed by Chromium.

`python examples/screenshots.py PROMETHEUS_URL OUT [--range SECONDS]` writes OUT/dashboard-*.png; with --pages also the
pages that are photographed.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "pictures"))

from data import Asker
from page import WIDTH, page

from penstock.ops.dashboards.all import DASHBOARDS
from penstock.ops.dashboards.panel import Dashboard

CHROMIUM = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --force-device-scale-factor=1"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prometheus")
    parser.add_argument("out", type=Path)
    parser.add_argument("--range", type=int, default=900, metavar="SECONDS")
    parser.add_argument("--rate-interval", type=int, default=20, metavar="SECONDS")
    parser.add_argument("--pages", action="store_true", help="leave the pages beside their pictures")
    arguments = parser.parse_args()
    asker = Asker(arguments.prometheus, time.time(), arguments.range, arguments.rate_interval)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for dashboard in DASHBOARDS:
        picture = photograph(dashboard, asker, arguments.out)
        if not arguments.pages:
            picture.with_suffix(".html").unlink()
        print(picture)
    return 0


def photograph(dashboard: Dashboard, asker: Asker, out: Path) -> Path:
    """Write the page of a dashboard and its picture, and return where that is. Raises where Chromium fails."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium is not on the path")
    picture = out / f"dashboard-{dashboard.uid.removeprefix('penstock-')}.png"
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(asker.end))
    text, height = page(dashboard, asker, f"the last {asker.range_s // 60} min, until {shown}")
    drawn = picture.with_suffix(".html").resolve()
    drawn.write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        options = [f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{height}", f"--screenshot={picture}"]
        command = [program, *CHROMIUM.split(), *options, drawn.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return picture


if __name__ == "__main__":
    sys.exit(main())
