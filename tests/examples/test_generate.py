"""The example's generator: same seed, same bytes; identifiers right in form and nobody's."""

import csv
import itertools
import json
import re
import time
from datetime import date
from pathlib import Path

import generate
import pytest


def every_id() -> list[str]:
    return [person["national_id"] for seed in (1, 2, 3) for person in generate.people(seed)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate.write(tmp_path / name, seed=7, n=12_000, rate=None, bad=5)
    generate.write(tmp_path / "c", seed=8, n=12_000, rate=None, bad=5)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


def test_endless_events_begin_as_counted_ones_do() -> None:
    assert list(itertools.islice(generate.events(1, None), 500)) == list(generate.events(1, 500))


def test_known_check_digits() -> None:
    # Published samples: the Estonian register's 37605030299, the Finnish register's 131052-308T.
    assert generate.isikukood_check("3760503029") == 9
    assert generate.henkilotunnus(date(1952, 10, 13), 308) == "131052-308T"


def test_estonian_codes_are_valid_and_of_the_nineteenth_century() -> None:
    codes = [code for code in every_id() if re.fullmatch(r"\d{11}", code)]
    assert len(codes) > 2_000
    for code in codes:
        assert code[0] in "12"
        assert 40 <= int(code[1:3]) <= 99
        date(1800 + int(code[1:3]), int(code[3:5]), int(code[5:7]))
        assert generate.isikukood_check(code[:10]) == int(code[10])


def test_finnish_codes_are_valid_and_artificial() -> None:
    codes = [code for code in every_id() if not code.isdigit()]
    assert len(codes) > 2_000
    for code in codes:
        match = re.fullmatch(r"(\d{6})-(9\d\d)([0-9A-FHJ-NPR-Y])", code)
        assert match
        assert "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(match[1] + match[2]) % 31] == match[3]


def test_a_birth_date_fits_its_code() -> None:
    for person in generate.people(1):
        born = date.fromordinal(date(1970, 1, 1).toordinal() + person["birth_date"])
        code = person["national_id"]
        written = code[1:7] if code.isdigit() else code[4:6] + code[2:4] + code[:2]
        assert written == f"{born:%y%m%d}"


def test_event_ids_are_never_repeated() -> None:
    ids = [event.get("payment_id") or event["certificate_id"] for _, event in generate.events(1, 20_000)]
    assert len(set(ids)) == 20_000


def test_files_hold_every_event_and_nothing_half_written(tmp_path: Path) -> None:
    generate.write(tmp_path, seed=1, n=13_000, rate=None, bad=0)
    payments = sorted((tmp_path / "income-payments").iterdir())
    assert [len(path.read_bytes().splitlines()) for path in payments] == [5_000, 5_000, 400]
    (certificates,) = (tmp_path / "tax-residency").iterdir()
    with certificates.open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) == 2_600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_faulty_rows_are_as_many_as_it_says(tmp_path: Path) -> None:
    writers = generate.write(tmp_path, seed=1, n=20_000, rate=None, bad=20)
    said = writers["income-payments"].faulty
    assert set(said) == set(generate.REASONS["income-payments"])
    found = dict.fromkeys(said, 0)
    for path in (tmp_path / "income-payments").iterdir():
        seen = set()
        for line in path.read_bytes().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                found["encoding"] += 1
                continue
            found["columns"] += "paid_at" not in row
            found["type"] += row.get("paid_at") == "yesterday"
            found["event_id"] += row["payment_id"] == ""
            found["subject"] += row["payee"]["national_id"] == ""
            found["duplicate"] += row["payment_id"] in seen
            seen.add(row["payment_id"] or path)
    assert found == said


@pytest.mark.timeout(60)
def test_it_is_fast_enough_to_feed_a_benchmark(tmp_path: Path) -> None:
    begin = time.process_time()
    generate.write(tmp_path, seed=1, n=20_000, rate=None, bad=0)
    assert time.process_time() - begin < 4  # about 0.7 s on the machine it was written on
