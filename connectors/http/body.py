"""The body of a request as rows: one event or many, plain JSON or Avro's own JSON."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from ...schemas.avro_json import from_avro_json
from ...schemas.errors import RecordError
from ...schemas.quarantine import MAX_ORIGINAL_BYTES
from ...schemas.reasons import Refusal
from ..files.ndjson_rows import json_value, ndjson_rows
from ..files.rows import Row
from .options import HttpOptions
from .problem import Problem

PLAIN = "application/json"
AVRO = "application/vnd.penstock.avro+json"
LINES = "application/x-ndjson"
AVRO_LINES = "application/vnd.penstock.avro+x-ndjson"
MEDIA = (PLAIN, AVRO, LINES, AVRO_LINES)


@dataclass(frozen=True, slots=True)
class Form:
    """How a body is written."""

    lines: bool
    avro: bool

    @property
    def word(self) -> str:
        """Return its name, which is part of digests that are kept."""
        return ("avro-" if self.avro else "") + ("lines" if self.lines else "json")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a body holds; `single`: it was one event, not a batch of one."""

    rows: Sequence[Row]
    single: bool


def form_of(media: str, encoding: str) -> Form:
    """Return what the request's head says of its body. Raises Problem."""
    name, *parameters = (part.strip().lower() for part in media.split(";"))
    charset = [one.partition("=")[2].strip('" ') for one in parameters if one.startswith("charset")]
    if name not in MEDIA or charset not in ([], ["utf-8"], ["utf8"]):
        detail = f"a body is {', '.join(MEDIA)}, in UTF-8"
        raise Problem(415, "media_type", detail, accept_post=", ".join(MEDIA))
    if encoding not in {"", "plain", "avro-json"}:
        raise Problem(400, "query", "the parameter encoding is plain or avro-json")
    return Form(name in {LINES, AVRO_LINES}, name in {AVRO, AVRO_LINES} or encoding == "avro-json")


class Bodies:
    """Reads bodies for one contract's schema."""

    def __init__(self, schema: Any, options: HttpOptions) -> None:
        self._options = options
        self._from_avro = from_avro_json(schema)

    def rows(self, body: bytes, form: Form) -> Rows:
        """Return what a body holds: of a batch a refused row stands where it is, a bad single event is a Problem."""
        found = self._lines(body) if form.lines else self._json(body)
        if not found.rows:
            raise Problem(400, "empty", "the body holds no record")
        if len(found.rows) > self._options.max_records:
            detail = f"a request has at most {self._options.max_records} records: send several"
            raise Problem(413, "too_many_records", detail)
        return replace(found, rows=[self._converted(row) for row in found.rows]) if form.avro else found

    def _lines(self, body: bytes) -> Rows:
        return Rows([self._shallow(row) for row in ndjson_rows(BytesIO(body), MAX_ORIGINAL_BYTES)], single=False)

    def _shallow(self, row: Row) -> Row:
        if row.value is None or not deeper(row.value, self._options.max_depth):
            return row
        detail = f"nested deeper than {self._options.max_depth}"
        return Row(row.size, refusal=Refusal.ENCODING, detail=detail, raw=_text(row.value))

    def _json(self, body: bytes) -> Rows:
        value = _parsed(body)
        if deeper(value, self._options.max_depth):
            raise Problem(400, "depth", f"the body is nested deeper than {self._options.max_depth}")
        if isinstance(value, dict):
            return Rows([Row(len(body), value)], single=True)
        if not isinstance(value, list):
            raise Problem(400, "not_an_event", "the body is neither a JSON object nor an array of objects")
        size = len(body) // max(1, len(value))
        return Rows([_item(item, size) for item in value], single=False)

    def _converted(self, row: Row) -> Row:
        """Return the row with its physical value. One that is none keeps its own, for its data subject's sake."""
        if row.value is None:
            return row
        try:
            return replace(row, value=self._from_avro(row.value))
        except RecordError as bad:
            return replace(row, refusal=Refusal(bad.reason), detail=bad.message, raw=_text(row.value))


def _parsed(body: bytes) -> Any:
    try:
        return json_value(body)
    except UnicodeError:
        raise Problem(400, "encoding", "the body is not valid UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Problem(400, "not_json", f"the body is not one JSON value ({place})") from None
    except RecursionError:
        raise Problem(400, "depth", "the body is nested too deeply") from None
    except ValueError:
        raise Problem(400, "not_json", "not usable JSON: a repeated key, or a number out of range") from None


def _item(value: Any, size: int) -> Row:
    if isinstance(value, dict):
        return Row(size, value)
    return Row(size, refusal=Refusal.ENCODING, detail="not a JSON object", raw=_text(value))


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def deeper(value: Any, limit: int) -> bool:
    """Say whether objects and arrays lie in one another more than `limit` deep."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _inner(value: Any) -> Iterator[Any]:
    nested: Callable[[Any], bool] = lambda one: isinstance(one, dict | list)  # noqa: E731
    if isinstance(value, dict):
        return filter(nested, value.values())
    return filter(nested, value) if isinstance(value, list) else iter(())
