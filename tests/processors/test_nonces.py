"""No nonce comes twice under one key: over batches, people, restarts and forks, in every back end."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from nonce_drawing import CARELESS, PARTS, PER_EVENT

from native import require_native
from penstock.processors.nonces import AT_ONCE, Nonces

HELPERS = Path(__file__).parents[1] / "helpers"
RUNS, FORKS = 2, 2
SOME, MANY = 100_000, 10_000_000


@pytest.fixture(params=["python", "native"])
def back_end(request):
    if request.param == "native":
        require_native()
    return request.param


def drawn(folder: Path, back_end: str, encryptions: int) -> tuple[int, int, int]:
    """Encrypt so often, in processes that start anew and fork; return how often, under how many keys, and repeats."""
    for _ in range(RUNS):
        words = [sys.executable, str(HELPERS / "nonce_drawing.py"), back_end, str(folder)]
        env = {**os.environ, "PYTHONPATH": str(HELPERS)}
        subprocess.run([*words, str(encryptions // RUNS), str(FORKS)], check=True, env=env)
    count, repeats, keys = 0, 0, set()
    for part in range(PARTS):
        entries = [entry for path in folder.glob(f"drawn-{part:02}-*") for entry in split(path.read_bytes())]
        count += len(entries)
        repeats += len(entries) - len(set(entries))
        keys |= {entry[:8] for entry in entries}
    return count, len(keys), repeats


def split(data: bytes) -> list[bytes]:
    return [data[at : at + 20] for at in range(0, len(data), 20)]


def judged(folder: Path, back_end: str, encryptions: int) -> None:
    count, keys, repeats = drawn(folder, back_end, encryptions)
    assert count >= encryptions
    # People's keys are the same in every process; of nobody's there is one for each process.
    assert keys == 7 + RUNS * (1 + FORKS)
    assert repeats == 0


def test_no_nonce_repeats(tmp_path, back_end):
    judged(tmp_path, back_end, SOME)


@pytest.mark.tier
@pytest.mark.timeout(3_600)
def test_no_nonce_repeats_in_ten_million(tmp_path, back_end):
    judged(tmp_path, back_end, MANY)


def test_the_judge_sees_a_fork_that_keeps_its_parents_nonces(tmp_path, monkeypatch):
    """What `Nonces` guards against, planted: a worker that goes on with bytes it fetched before the fork."""
    monkeypatch.setenv(CARELESS, "1")
    count, _, repeats = drawn(tmp_path, "python", 20 * PER_EVENT)
    assert 0 < repeats < count


def in_a_child(draw) -> bytes:
    """Return what `draw` gives in a forked child."""
    reading, writing = os.pipe()
    if not os.fork():
        os.write(writing, draw())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.wait()
    return said


@pytest.mark.parametrize("taken", [0, 1, AT_ONCE - 1, AT_ONCE])
def test_a_fork_in_the_middle_of_a_batch_leaves_the_child_none_of_its_parents(taken):
    nonces = Nonces(os.urandom)
    before = [nonces(12) for _ in range(taken)]
    childs = split_in(12, in_a_child(lambda: b"".join(nonces(12) for _ in range(2 * AT_ONCE))))
    parents = [nonces(12) for _ in range(2 * AT_ONCE)]
    assert len(childs) == 2 * AT_ONCE
    assert Counter([*before, *childs, *parents]).most_common(1)[0][1] == 1


def test_nor_of_what_was_given_back():
    nonces = Nonces(os.urandom)
    nonces.give_back(nonces.many(100)[12 * 40 :])
    childs = split_in(12, in_a_child(lambda: nonces.many(100)))
    parents = split_in(12, nonces.many(100))
    assert not set(childs) & set(parents)


def split_in(size: int, data: bytes) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
