"""The exact sampler: its distribution, that it is a function of its seed, and that nothing random can get in."""

import ast
import hashlib
import json
import math
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock.processors
from penstock.processors import sampler
from penstock.processors.sampler import Bits, discrete_laplace, drawing

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "noise.json").read_text())


def seed(text):
    return hashlib.blake2b(text.encode()).digest()


def draws(scale, count, text="draws"):
    bits = Bits(seed(f"{text} {scale}"))
    return [discrete_laplace(bits, scale) for _ in range(count)]


def chi_square(observed, probabilities, count):
    """The statistic over all cells that expect at least ten, the rest together."""
    cells = {k: p * count for k, p in probabilities.items() if p * count >= 10}
    rest_expected = count - sum(cells.values())
    rest_seen = count - sum(observed[k] for k in cells)
    statistic = sum((observed[k] - expected) ** 2 / expected for k, expected in cells.items())
    if rest_expected >= 1:
        statistic += (rest_seen - rest_expected) ** 2 / rest_expected
        return statistic, len(cells)
    return statistic, len(cells) - 1


@pytest.mark.parametrize("scale", [Fraction(1, 3), Fraction(1), Fraction(5, 2), Fraction(10, 3), Fraction(20)])
def test_has_the_exact_distribution(scale):
    """Chi-square with a fixed seed: a wrong sampler exceeds five standard deviations, a right one did not here."""
    count = 20_000
    ratio = math.exp(-1 / scale)
    exact = {k: (1 - ratio) / (1 + ratio) * ratio ** abs(k) for k in range(-400, 401)}
    statistic, freedom = chi_square(Counter(draws(scale, count)), exact, count)
    assert abs(statistic - freedom) < 5 * math.sqrt(2 * freedom)


def test_the_same_seed_draws_the_same_and_another_does_not():
    one = draws(Fraction(100), 50, "a")
    assert one == draws(Fraction(100), 50, "a")
    assert one != draws(Fraction(100), 50, "b")


def test_golden_draws():
    """Draws are wire forms: released noise must not change with a new version. Made by another program."""
    assert draws(Fraction(10, 3), 12, "golden") == GOLDEN["draws"]["values"]


def test_bits_are_those_of_the_blocks_in_order():
    raw = b"".join(
        hashlib.blake2b(block.to_bytes(8, "big"), key=seed("x"), digest_size=64).digest() for block in range(3)
    )
    bits = Bits(seed("x"))
    taken = "".join(format(bits.take(size), f"0{size}b") for size in (1, 7, 500, 4, 513))
    assert taken == format(int.from_bytes(raw, "big"), "01536b")[: 1 + 7 + 500 + 4 + 513]


def test_below_is_uniform_and_in_range():
    bits = Bits(seed("uniform"))
    seen = Counter(bits.below(6) for _ in range(12_000))
    assert set(seen) == set(range(6))
    statistic = sum((seen[k] - 2000) ** 2 / 2000 for k in range(6))
    assert statistic < 25
    assert bits.below(1) == 0


@pytest.mark.parametrize("scale", [Fraction(0), Fraction(-1)])
def test_a_scale_must_be_positive(scale):
    with pytest.raises(ValueError, match="above 0"):
        discrete_laplace(Bits(seed("x")), scale)


def test_a_huge_and_a_tiny_scale_end():
    assert abs(discrete_laplace(Bits(seed("huge")), Fraction(10) ** 30)) < 10**33
    assert draws(Fraction(1, 10**6), 100) == [0] * 100


FORBIDDEN = {"random", "numpy", "secrets", "time", "datetime"}


@pytest.mark.parametrize("name", ["sampler.py", "noise.py"])
def test_no_ordinary_random_generator_or_clock_is_imported(name):
    source = (Path(penstock.processors.__file__).parent / name).read_text()
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported |= {(node.module or "").partition(".")[0]} if not node.level else set()
    assert not imported & FORBIDDEN
    assert "urandom" not in source


@given(st.binary(min_size=64, max_size=64), st.fractions(min_value=Fraction(1, 50), max_value=10**9))
def test_written_out_it_draws_the_same(from_seed, scale):
    assert drawing(scale)(from_seed) == discrete_laplace(Bits(from_seed), scale)


def test_what_takes_more_than_a_block_of_bits_is_drawn_the_plain_way():
    scale, plain = Fraction(10) ** 60, sampler.discrete_laplace
    with pytest.MonkeyPatch.context() as patch:
        asked = []
        patch.setattr(sampler, "discrete_laplace", lambda bits, one: asked.append(1) or plain(bits, one))
        drawn = [drawing(scale)(seed(f"long {number}")) for number in range(200)]
    assert 20 < len(asked) < 200
    assert drawn == [plain(Bits(seed(f"long {number}")), scale) for number in range(200)]


def test_written_out_a_scale_must_be_above_0_too():
    with pytest.raises(ValueError, match="above 0"):
        drawing(Fraction(0))
