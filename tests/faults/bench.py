"""The fault bench: `python bench.py TIER SEED` runs a tier, part after part, and goes on where it was interrupted.

Progress goes to standard error; the last line of standard output is the result as JSON. The exit code says whether
nothing was found wrong.
"""

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
for _folder in (HERE, HERE.parent, HERE.parent / "helpers"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from checker_recovery import percentile  # noqa: E402
from part import Part, Say, say_to_stderr  # noqa: E402 - after the path is set
from schedule import NETWORK, REPLAYS, TIERS, on_three, part_of  # noqa: E402
from three import PartOnThree, ThreeWorld  # noqa: E402

ZEROS = ("missing", "duplicates", "reordered", "torn", "forbidden", "leaks")
MORE_ZEROS = ("redrawn", "hung", "unquarantined")
SEEDS_APART = 1_000


def run_tier(name: str, seed: int, *, most_parts: int | None = None, say: Say = say_to_stderr) -> dict[str, Any]:
    """Run what is left of a tier; return its sums so far. `complete` says whether all parts have run."""
    tier, folder = TIERS[name], ROOT / ".build" / "chaos" / f"{name}-{seed}"
    left = [part for part in range(tier.parts) if not _kept(folder, part).exists()]
    for part in left[:most_parts]:
        say(f"{name}, seed {seed}: part {part + 1} of {tier.parts}")
        result = one_part(folder, name, seed, part, say)
        _kept(folder, part).write_text(json.dumps(result, indent=1) + "\n")
    done = [json.loads(_kept(folder, part).read_text()) for part in range(tier.parts) if _kept(folder, part).exists()]
    runs = [run for part in done for run in part]
    return {**summed(name, seed, runs), "complete": len(done) == tier.parts, "runs": runs}


def one_part(folder: Path, name: str, seed: int, part: int, say: Say = say_to_stderr) -> list[dict[str, Any]]:
    """Run one part, on one broker and then on three. What a run left is kept only where something was wrong."""
    share, own_seed = part_of(TIERS[name], part), seed * SEEDS_APART + part
    runs = [lambda: Part(folder / f"run-{part}", share, own_seed, say=say)]
    if share.three_brokers:
        runs.append(lambda: PartOnThree(folder / f"three-{part}", on_three(share), own_seed, ThreeWorld, say))
    found = []
    for make in runs:
        made = make()
        found.append(made.run(name, part))
        if not violations(found[-1]):
            shutil.rmtree(made.world.run, ignore_errors=True)
    return found


def violations(result: Mapping[str, Any]) -> list[str]:
    """Return what was found wrong in a run."""
    verdict = result["verdict"]
    return [*(f"{key}: {verdict[key]}" for key in (*ZEROS, *MORE_ZEROS) if verdict[key]), *result["wrong"]]


def summed(name: str, seed: int, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sums over runs."""
    done: Counter[str] = sum((Counter(one["done"]) for one in runs), Counter())
    worker = [seconds for one in runs for seconds in one["recovery"]["worker"]]
    return {
        "tier": name,
        "seed": seed,
        "records": sum(one["records"] for one in runs),
        "worker_kills": done["worker_kill"],
        "crash_point_kills": done["crash_point"],
        "broker_kills": done["broker_kill"] + done["one_of_three"],
        "pauses": done["pause"],
        "network_faults": sum(done[kind] for kind in NETWORK),
        "replays": sum(done[kind] for kind in REPLAYS),
        "zombies": done["zombie"],
        **{key: sum(one["verdict"][key] for one in runs) for key in ZEROS},
        "planted_faults_caught": "",
        "recovery_p99_s": percentile(worker, 0.99),
    }


def _kept(folder: Path, part: int) -> Path:
    return folder / f"part-{part}.json"


def main() -> int:
    parser = argparse.ArgumentParser(description="Break what can be broken, and see that nothing came of it.")
    parser.add_argument("tier", choices=sorted(TIERS))
    parser.add_argument("seed", type=int)
    parser.add_argument("--parts", type=int, help="run at most so many parts now")
    given = parser.parse_args()
    found = run_tier(given.tier, given.seed, most_parts=given.parts)
    wrong = [said for run in found.pop("runs") for said in violations(run)]
    for said in wrong:
        say_to_stderr(said)
    if not found.pop("complete"):
        say_to_stderr("parts are left: run the same again")
        return 3
    from planted import planted

    found["planted_faults_caught"] = planted()
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if wrong or found["planted_faults_caught"] != "10/10" else 0


if __name__ == "__main__":
    sys.exit(main())
