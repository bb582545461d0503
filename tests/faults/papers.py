"""The bench's documents in a directory of a run's own, signed with keys that are forgotten; each worker's beside."""

import shutil
import sys
from pathlib import Path

import yaml

from penstock.schemas.ecosystem import Ecosystem

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
TRANSACTION_RECORDS = 750


def lay_out(run: Path, bootstrap: str, lanes: list[str]) -> Path:
    """Make `run/eco` on a named cluster, and `run/eco-0` … for workers that reach it elsewhere; return the first."""
    if str(EXAMPLES) not in sys.path:
        sys.path.insert(0, str(EXAMPLES))
    from resign import resign

    home = run / "eco"
    shutil.copytree(HERE / "ecosystem", home)
    resign(home)
    (home / ".penstock").mkdir(mode=0o700)
    _name_cluster(home / "ecosystem.yaml", bootstrap)
    for number, lane in enumerate(lanes):
        _same_elsewhere(home, run / f"eco-{number}", lane)
    return home


def _same_elsewhere(home: Path, other: Path, bootstrap: str) -> None:
    other.mkdir()
    for one in home.iterdir():
        if one.name != "ecosystem.yaml":
            (other / one.name).symlink_to(Path("..") / home.name / one.name)
    shutil.copy(home / "ecosystem.yaml", other)
    _name_cluster(other / "ecosystem.yaml", bootstrap)


def _name_cluster(file: Path, bootstrap: str) -> None:
    said = yaml.safe_load(file.read_text())
    said["cluster"] = {"bootstrap": bootstrap}
    if "exchange" in Ecosystem.model_fields:
        said["exchange"] = {"transaction_records": TRANSACTION_RECORDS}
    file.write_text(yaml.safe_dump(said, sort_keys=False))
