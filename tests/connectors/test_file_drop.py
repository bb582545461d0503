"""The file source: every row once, whatever ends the process, and files where they belong afterwards."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.connectors.files.file_drop import FileDrop
from penstock.connectors.files.positions import Position
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.ports import Source, SourceRecord

SCHEMA = {
    "type": "record",
    "name": "Payment",
    "fields": [{"name": "id", "type": "string"}, {"name": "cents", "type": "long"}],
}


class Log:
    """What a publisher keeps in Kafka: the records, the last position, the finished inputs."""

    def __init__(self) -> None:
        self.records: list[SourceRecord] = []
        self.position: dict[str, Any] | None = None
        self.finished: set[str] = set()

    def commit(self, batch: list[SourceRecord]) -> None:
        self.records += batch
        self.position = json.loads(json.dumps(batch[-1].position))
        self.finished |= {record.finishes for record in batch if record.finishes}

    @property
    def values(self) -> list[Any]:
        return [record.value for record in self.records]

    @property
    def refusals(self) -> list[tuple[str | None, str]]:
        return [(record.refusal, record.place) for record in self.records if record.value is None]


def drain(source: Source, log: Log, limit: int = 100, *, commits: int = -1, tell: bool = True) -> bool:
    """Publish until there is nothing to read (True) or `commits` were made (False: the process was killed there)."""
    source.open(log.position, log.finished.__contains__)
    for batch in source.batches(limit):
        if not batch:
            return True
        assert len(batch) <= limit
        if any(record.again for record in batch):
            assert all(record.again for record in batch)
            continue
        if commits == 0:
            return False
        log.commit(batch)
        commits -= 1
        if commits == 0 and not tell:
            return False
        source.committed(batch[-1].position)
    return True


def drop(directory: Path, fmt: str = "ndjson", **options: Any) -> FileDrop:
    return FileDrop(directory, fmt, {"poll_seconds": 0.01, **options})


def run(directory: Path, fmt: str = "ndjson", log: Log | None = None, **options: Any) -> Log:
    log = log or Log()
    assert drain(drop(directory, fmt, **options), log)
    return log


def ndjson(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def container(rows: list[dict[str, Any]], codec: str = "null", interval: int = 40) -> bytes:
    out = BytesIO()
    fastavro.writer(out, SCHEMA, rows, codec=codec, sync_interval=interval)
    return out.getvalue()


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


ROWS = [{"id": f"e-{count}", "cents": count} for count in range(10)]


def test_rows_come_in_order_of_file_names_and_files_move_when_committed(tmp_path: Path) -> None:
    (tmp_path / "b.ndjson").write_bytes(ndjson(ROWS[5:]))
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS[:5]))
    log = run(tmp_path)
    assert log.values == ROWS
    assert [record.place for record in log.records[4:6]] == ["a.ndjson:row 5", "b.ndjson:row 1"]
    assert files(tmp_path) == {"done/a.ndjson", "done/b.ndjson"}


def test_the_position_is_the_one_agreed(tmp_path: Path) -> None:
    data = ndjson(ROWS[:2])
    (tmp_path / "a.ndjson").write_bytes(data)
    log = run(tmp_path)
    first, last = (dict(record.position) for record in log.records)
    sha256 = hashlib.sha256(data).hexdigest()
    assert first == {"file": "a.ndjson", "sha256": sha256, "row": 1, "done": False, "failed": False}
    assert last == {**first, "row": 2, "done": True}
    assert [record.finishes for record in log.records] == [None, sha256]


def test_positions_of_released_versions_are_read_and_written_alike() -> None:
    golden = json.loads((Path(__file__).parents[1] / "golden" / "file_position_1.json").read_text())
    assert [Position.of(one).as_mapping() for one in golden] == golden


def test_unfinished_hidden_and_other_entries_are_not_files(tmp_path: Path) -> None:
    for name in (".hidden.ndjson", "a.ndjson.part", "a.tmp"):
        (tmp_path / name).write_bytes(ndjson(ROWS))
    (tmp_path / "folder.ndjson").mkdir()
    (tmp_path / "link.ndjson").symlink_to(tmp_path / "a.tmp")
    assert run(tmp_path).records == []


def test_batches_are_bounded_by_records_and_bytes_and_never_span_files(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    (tmp_path / "b.ndjson").write_bytes(ndjson(ROWS[:3]))
    source = drop(tmp_path, batch_bytes=60)
    source.open(None, lambda _: False)
    sizes = []
    for batch in source.batches(4):
        if not batch:
            break
        sizes.append(len(batch))
        assert len({record.position["file"] for record in batch}) == 1
    assert sizes == [3, 3, 3, 1, 3]
    source.stop()


@pytest.mark.parametrize("fmt", ["ndjson", "csv", "avro"])
def test_resuming_after_any_row_gives_exactly_the_rest(tmp_path: Path, fmt: str) -> None:
    data = {
        "ndjson": ndjson(ROWS),
        "csv": b"id,cents\r\n" + b"".join(f'"{row["id"]}",{row["cents"]}\r\n'.encode() for row in ROWS),
        "avro": container(ROWS, "deflate"),
    }[fmt]
    expected = None
    for after in range(11):
        inbox = tmp_path / f"{after}"
        inbox.mkdir()
        (inbox / f"a.{fmt}").write_bytes(data)
        log = Log()
        drain(drop(inbox, fmt), log, limit=1, commits=after)
        assert len(log.records) == after
        run(inbox, fmt, log)
        expected = expected or log.values
        assert log.values == expected
        assert len(log.values) == 10
        assert files(inbox) == {f"done/a.{fmt}"}


@settings(max_examples=60, deadline=None)
@given(
    contents=st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=4),
    kills=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4), st.booleans(), st.booleans()), max_size=6),
)
def test_any_kills_renames_and_copies_lose_and_repeat_nothing(
    tmp_path_factory: pytest.TempPathFactory, contents: list[list[int]], kills: list[tuple[int, int, bool, bool]]
) -> None:
    inbox = tmp_path_factory.mktemp("inbox")
    expected: list[Any] = []
    for count, rows in enumerate(contents):
        made = [{"file": count, "row": number, "pad": "x" * row} for number, row in enumerate(rows)]
        (inbox / f"{count}.ndjson").write_bytes(ndjson(made))
        if count % 2:
            (inbox / f"{count}.copy.ndjson").write_bytes(ndjson(made))
        expected += made
    log = Log()
    for limit, commits, tell, rename in kills:
        drain(drop(inbox), log, limit, commits=commits, tell=tell)
        if rename and log.position and (inbox / log.position["file"]).exists():
            (inbox / log.position["file"]).rename(inbox / f"{log.position['file']}.again.ndjson")
    run(inbox, log=log)
    assert log.values == sorted(log.values, key=lambda value: value["file"]) or any(kill[3] for kill in kills)
    assert sorted(map(str, log.values)) == sorted(map(str, expected))
    assert all(name.startswith("done/") for name in files(inbox))


def test_killed_between_commit_and_move_the_file_only_moves(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    log = Log()
    assert not drain(drop(tmp_path), log, commits=1, tell=False)
    assert files(tmp_path) == {"a.ndjson"}
    run(tmp_path, log=log)
    assert log.values == ROWS
    assert files(tmp_path) == {"done/a.ndjson"}


def test_a_half_published_file_is_found_under_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "b.ndjson").write_bytes(ndjson(ROWS))
    log = Log()
    drain(drop(tmp_path), log, limit=4, commits=1)
    (tmp_path / "b.ndjson").rename(tmp_path / "z.ndjson")
    (tmp_path / "a.ndjson").write_bytes(ndjson([{"id": "new"}]))
    run(tmp_path, log=log)
    assert log.values == [*ROWS, {"id": "new"}]


def test_a_half_published_file_with_another_content_fails(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    (tmp_path / "b.ndjson").write_bytes(ndjson(ROWS[:1]))
    log = Log()
    drain(drop(tmp_path), log, limit=4, commits=1)
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS[::-1]))
    run(tmp_path, log=log)
    assert log.values == [*ROWS[:4], ROWS[0]]
    assert files(tmp_path) == {"failed/a.ndjson", "failed/a.ndjson.reason", "done/b.ndjson"}
    assert "after 4 of its rows" in (tmp_path / "failed/a.ndjson.reason").read_text()


def test_a_half_published_file_that_is_gone_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    log = Log()
    drain(drop(tmp_path), log, limit=4, commits=1)
    (tmp_path / "a.ndjson").unlink()
    (tmp_path / "b.ndjson").write_bytes(ndjson(ROWS[:1]))
    run(tmp_path, log=log)
    assert log.values == [*ROWS[:4], ROWS[0]]


def test_a_content_is_published_once_under_whatever_names(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    (tmp_path / "b.ndjson").write_bytes(ndjson(ROWS))
    log = run(tmp_path)
    (tmp_path / "c.ndjson").write_bytes(ndjson(ROWS[:1]))
    run(tmp_path, log=log)
    (tmp_path / "d.ndjson").write_bytes(ndjson(ROWS))
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    run(tmp_path, log=log)
    assert log.values == [*ROWS, ROWS[0]]
    assert files(tmp_path) == {"done/a.ndjson", "done/a.ndjson.2", "done/b.ndjson", "done/c.ndjson", "done/d.ndjson"}


def test_a_newer_file_renamed_over_one_being_read_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    source, log = drop(tmp_path), Log()
    source.open(None, log.finished.__contains__)
    for batch in source.batches(100):
        if not batch:
            break
        log.commit(batch)
        if len(log.records) == len(ROWS):
            (tmp_path / "new.part").write_bytes(ndjson(ROWS[:2]))
            (tmp_path / "new.part").rename(tmp_path / "a.ndjson")
        source.committed(batch[-1].position)
    assert log.values == [*ROWS, *ROWS[:2]]
    assert files(tmp_path) == {"done/a.ndjson"}
    assert (tmp_path / "done/a.ndjson").read_bytes() == ndjson(ROWS[:2])


def test_a_file_written_into_while_it_is_read_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(ndjson(ROWS))
    source, log = drop(tmp_path), Log()
    source.open(None, log.finished.__contains__)
    for batch in source.batches(4):
        if not batch:
            break
        log.commit(batch)
        source.committed(batch[-1].position)
        if len(log.records) == 4:
            with path.open("ab") as stream:
                stream.write(ndjson(ROWS[:1]))
    assert not log.finished
    assert files(tmp_path) == {"failed/a.ndjson", "failed/a.ndjson.reason"}


def test_a_file_appended_to_between_last_row_and_commit_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(ndjson(ROWS))
    source, log = drop(tmp_path), Log()
    source.open(None, log.finished.__contains__)
    batches = source.batches(100)
    batch = next(batches)
    with path.open("ab") as stream:
        stream.write(ndjson([{"id": "late"}]))
    log.commit(batch)
    source.committed(batch[-1].position)
    assert next(batches) == []
    assert files(tmp_path) == {"failed/a.ndjson", "failed/a.ndjson.reason"}


@pytest.mark.parametrize(
    ("fmt", "data"),
    [
        ("ndjson", b""),
        ("ndjson", b"\n\n"),
        ("csv", b""),
        ("csv", b"id,cents\n"),
        ("avro", b""),
        ("csv", b"\xef\xbb\xbf"),
    ],
)
def test_a_file_without_rows_is_done(tmp_path: Path, fmt: str, data: bytes) -> None:
    (tmp_path / f"a.{fmt}").write_bytes(data)
    assert run(tmp_path, fmt).records == []
    assert files(tmp_path) == {f"done/a.{fmt}"}


def test_files_that_appear_while_it_runs_are_read_and_stop_ends_it(tmp_path: Path) -> None:
    source, log = drop(tmp_path), Log()
    source.open(None, log.finished.__contains__)

    def publish() -> None:
        for batch in source.batches(100):
            if batch:
                log.commit(batch)
                source.committed(batch[-1].position)

    thread = threading.Thread(target=publish)
    thread.start()
    for name in ("b", "a"):
        (tmp_path / f"{name}.part").write_bytes(ndjson([{"id": name}]))
        (tmp_path / f"{name}.part").rename(tmp_path / f"{name}.ndjson")
        _wait(lambda name=name: (tmp_path / "done" / f"{name}.ndjson").exists())
    source.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert log.values == [{"id": "b"}, {"id": "a"}]


def test_stop_in_mid_file_leaves_the_rest_for_the_next_process(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    source, log = drop(tmp_path), Log()
    source.open(None, log.finished.__contains__)
    for batch in source.batches(3):
        log.commit(batch)
        source.committed(batch[-1].position)
        source.stop()
    assert len(log.records) == 3
    run(tmp_path, log=log)
    assert log.values == ROWS


def test_opening_again_after_an_aborted_attempt_gives_the_rows_again(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(ndjson(ROWS))
    source, log = drop(tmp_path), Log()
    source.open(None, log.finished.__contains__)
    batches = source.batches(100)
    assert len(next(batches)) == 10
    batches.close()
    assert drain(source, log)
    assert log.values == ROWS


def test_auto_goes_by_suffix_and_text_says_which_batch_is_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,cents\n1,2\n")
    (tmp_path / "b.jsonl").write_bytes(ndjson(ROWS[:1]))
    (tmp_path / "c.avro").write_bytes(container(ROWS[:1]))
    (tmp_path / "d.pdf").write_bytes(b"%PDF")
    source, seen = drop(tmp_path, "auto"), []
    source.open(None, lambda _: False)
    for batch in source.batches(10):
        if not batch:
            break
        seen.append((batch[0].value, source.text))
        source.committed(batch[-1].position)
    assert seen == [({"id": "1", "cents": "2"}, True), (ROWS[0], False), (ROWS[0], False)]
    assert "failed/d.pdf" in files(tmp_path)
    assert drop(tmp_path, "csv").text
    assert not drop(tmp_path, "avro").text


@pytest.mark.parametrize("name", ["bad\nname.ndjson", b"bad\xff.ndjson".decode("utf-8", "surrogateescape")])
def test_a_name_that_would_forge_lines_or_break_text_fails(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ndjson(ROWS))
    assert run(tmp_path).records == []
    assert (tmp_path / "failed" / name).exists()


def test_a_resumed_file_remembers_that_it_must_stay_in_failed(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'{"id":"' + b"x" * 500 + b'"}\n' + ndjson(ROWS))
    log = Log()
    drain(drop(tmp_path, max_record_bytes=100), log, limit=2, commits=1)
    run(tmp_path, log=log, max_record_bytes=100)
    assert log.values == [None, *ROWS]
    assert files(tmp_path) == {"failed/a.ndjson", "failed/a.ndjson.reason"}


def test_killed_between_commit_and_move_a_failed_file_still_goes_to_failed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,cents\n1\n")
    log = Log()
    drain(drop(tmp_path, "csv", columns=["id"]), log, commits=1, tell=False)
    run(tmp_path, "csv", log, columns=["id"])
    assert log.refusals == [("columns", "a.csv:line 1")]
    assert files(tmp_path) == {"failed/a.csv", "failed/a.csv.reason"}


@pytest.mark.parametrize(
    ("fmt", "options", "says"),
    [
        ("xml", {}, "format"),
        ("csv", {"colour": "red"}, "no option colour"),
        ("csv", {"delimiter": '"'}, "delimiter"),
        ("csv", {"columns": "id"}, "list"),
        ("csv", {"max_record_bytes": 0}, "max_record_bytes"),
        ("csv", {"poll_seconds": "soon"}, "poll_seconds"),
    ],
)
def test_unfit_settings_are_refused(tmp_path: Path, fmt: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        FileDrop(tmp_path, fmt, options)


def test_a_missing_inbox_and_a_foreign_position_are_configuration_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no directory"):
        drop(tmp_path / "nowhere").open(None, lambda _: False)
    with pytest.raises(ConfigurationError, match="position"):
        drop(tmp_path).open({"lsn": 7}, lambda _: False)


def _wait(until: Any, seconds: float = 5) -> None:
    for _ in _ticks(seconds):
        if until():
            return
    raise AssertionError("it did not come")


def _ticks(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.01)
