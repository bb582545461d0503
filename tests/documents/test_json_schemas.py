"""The JSON Schemas that are committed for editors are those of the models."""

import json
from pathlib import Path

import pytest

from penstock.schemas.json_schemas import json_schemas

FOLDER = Path(__file__).parents[2] / "docs" / "json-schemas"


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_the_committed_schema_is_current(name: str) -> None:
    committed = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")
    current = json.dumps(json_schemas()[name], indent=2, ensure_ascii=False) + "\n"
    assert committed == current, f"write json_schemas()[{name!r}] to docs/json-schemas/{name}.schema.json"


def test_no_schema_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.schema.json" for name in json_schemas()}


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_a_schema_refuses_unknown_keys(name: str) -> None:
    schema = json_schemas()[name]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    objects = [schema, *schema.get("$defs", {}).values()]
    assert all(one.get("additionalProperties") is False for one in objects if one.get("type") == "object")
