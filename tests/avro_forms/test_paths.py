import pytest
from avro_strategies import record_schemas
from hypothesis import HealthCheck, given, settings

from penstock.schemas.avro_paths import covers, getter, leaves, steps, type_at
from penstock.schemas.avro_tree import tree
from penstock.schemas.errors import DocumentError

PERSON = {
    "type": "record",
    "name": "Person",
    "fields": [
        {"name": "code", "type": "string"},
        {"name": "home", "type": ["null", {"type": "enum", "name": "Country", "symbols": ["EE", "FI"]}]},
    ],
}
SCHEMA = {
    "type": "record",
    "name": "Payment",
    "namespace": "ee.tax",
    "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "payer", "type": PERSON},
        {"name": "payee", "type": ["null", "Person"]},
        {"name": "items", "type": {"type": "array", "items": {"type": "map", "values": ["long", "null"]}}},
        {"name": "others", "type": ["null", {"type": "array", "items": "ee.tax.Person"}]},
        {"name": "either", "type": ["null", "string", "Country", "Person"]},
        {"name": "nothing", "type": "null"},
    ],
}


def test_leaves_come_in_the_order_of_the_schema_with_references_resolved():
    assert list(leaves(SCHEMA)) == [
        "id",
        "payer.code",
        "payer.home",
        "payee.code",
        "payee.home",
        "items[]{}",
        "others[].code",
        "others[].home",
        "either",
        "nothing",
    ]


def test_a_leaf_tells_its_type():
    found = leaves(SCHEMA)
    assert (found["id"].primitive, found["id"].logical, found["id"].nullable) == ("string", "uuid", False)
    assert (found["payee.home"].primitive, found["payee.home"].nullable) == ("enum", True)
    assert found["payee.home"].type == [
        "null",
        {"type": "enum", "name": "Country", "namespace": "ee.tax", "symbols": ["EE", "FI"]},
    ]
    assert (found["items[]{}"].primitive, found["items[]{}"].nullable) == ("long", True)
    assert (found["either"].primitive, found["either"].nullable) == ("union", True)
    assert (found["nothing"].primitive, found["nothing"].nullable) == ("null", True)


def test_the_type_of_an_interior_node_stands_alone():
    assert type_at(SCHEMA, "payee") == ["null", {**PERSON, "namespace": "ee.tax"}]
    assert type_at(SCHEMA, "items[]") == {"type": "map", "values": ["long", "null"]}
    assert leaves(type_at(SCHEMA, "others")[1]["items"]).keys() == {"code", "home"}


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(record_schemas())
def test_every_leaf_and_every_prefix_of_its_path_has_a_type_that_stands_alone(schema):
    for path, leaf in leaves(schema).items():
        assert type_at(schema, path) == leaf.type
        parts = path.split(".")
        for length in range(1, len(parts) + 1):
            tree(type_at(schema, ".".join(parts[:length])))


def test_a_type_that_contains_itself_is_refused_by_name():
    loop = {
        "type": "record",
        "name": "a.Node",
        "fields": [{"name": "children", "type": {"type": "array", "items": "Node"}}],
    }
    with pytest.raises(DocumentError, match=r"`a\.Node` contains itself"):
        leaves(loop)


def test_a_schema_that_cannot_be_decoded_safely_is_refused_when_it_is_read_from_a_document():
    with pytest.raises(DocumentError, match="take no bytes"):
        leaves({"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]})


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "[]", "a[", "a[0]", "a[]b", "a b", "1a", "a{}.", "é"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(DocumentError, match="no field path"):
        steps(path)


@pytest.mark.parametrize("path", ["other", "id.x", "id[]", "payer{}", "items.x", "items[][]", "either.code"])
def test_a_path_that_the_schema_lacks_is_refused(path):
    with pytest.raises(DocumentError, match="has no field"):
        type_at(SCHEMA, path)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        7,
        [],
        {},
        {"type": "recrod"},
        {"type": "record"},
        {"type": "record", "name": "R"},
        {"type": "record", "name": "R", "fields": [{}]},
        {"type": "record", "name": "R", "fields": ["a"]},
        {"type": "record", "name": "R-1", "fields": []},
        {"type": "record", "name": "R", "fields": [{"name": "a-b", "type": "int"}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "Missing"}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": ["int", "int"]}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": ["int", ["null"]]}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": []}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "fixed", "name": "F"}}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "enum", "name": "E"}}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array"}}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": "x"}]},
        "string",
    ],
)
def test_an_invalid_schema_is_a_document_error(schema):
    with pytest.raises(DocumentError, match="Avro schema"):
        leaves(schema)


def test_a_schema_nested_too_deeply_is_a_document_error():
    schema = "int"
    for _ in range(5_000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(DocumentError, match="nested too deeply"):
        tree(schema)


def test_a_getter_passes_through_null():
    event = {"payer": {"code": "x"}, "payee": None}
    assert getter("payer.code")(event) == "x"
    assert getter("payee.code")(event) is None
    assert getter("payee")(event) is None
    assert getter("u")({"u": ("string", "x")}) == "x"
    assert getter("p.u")({"p": {"u": ("ee.Kind", "x")}}) == "x"
    with pytest.raises(DocumentError, match="many values"):
        getter("items[].x")


def test_cover_is_by_steps_not_by_letters():
    assert covers("payer", "payer.code")
    assert covers("items", "items[]{}")
    assert covers("items[]", "items[]{}")
    assert covers("id", "id")
    assert not covers("pay", "payer.code")
    assert not covers("payer.code", "payer")
