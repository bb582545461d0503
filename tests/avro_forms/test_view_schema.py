import json

import avro.schema
import fastavro
import pytest
from avro_strategies import record_schemas
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from penstock.schemas.avro_paths import covers, leaves, type_at
from penstock.schemas.avro_physical import type_digest
from penstock.schemas.avro_tree import tree
from penstock.schemas.errors import DocumentError
from penstock.schemas.safeguard import Encrypt, Omit, Pass, Safeguard
from penstock.schemas.safeguard_cut import misfit, safeguard_cut
from penstock.schemas.view_schema import ENCRYPTED, derive_view

MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
parse = TypeAdapter(Safeguard).validate_python
PASS, OMIT, ENCRYPT, PSEUDONYM = ({"do": do} for do in ("pass", "omit", "encrypt", "pseudonymise"))
MASK = {"do": "mask", "how": "truncate", "keep": 2}
YEAR = {"do": "generalise", "to": "year"}
BUCKET = {"do": "generalise", "to": "bucket", "size": 10}
GRID = {"do": "generalise", "to": "grid", "size": 0.5}
NOISE = {"do": "noise", "epsilon": 1, "sensitivity": 1, "clamp": [0, 10], "step": 1}
DATE = {"type": "int", "logicalType": "date"}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}


def record(*fields, name="R", **more):
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields], **more}


def derive(schema, **safeguards):
    return derive_view(schema, {path: parse(by) for path, by in safeguards.items()}, "ee-fi")


def derive_paths(schema, safeguards):
    return derive(schema, **safeguards)


def field(schema, name):
    return next(one for one in schema["fields"] if one["name"] == name)


def test_each_safeguard_does_to_the_type_what_the_design_says():
    schema = record(
        ("gone", "string"),
        ("day", DATE),
        ("uid", ["null", {"type": "string", "logicalType": "uuid"}]),
        ("cut", ["string", "null"]),
        ("hidden", ["null", DATE]),
        ("count", "int"),
        ("money", DECIMAL),
        ("lat", ["null", "double"]),
        ("kept", ["null", "long"]),
        namespace="a.b",
        doc="kept",
    )
    view = derive(
        schema,
        gone=OMIT,
        day=YEAR,
        uid=PSEUDONYM,
        cut=MASK,
        hidden=ENCRYPT,
        count=NOISE,
        money=BUCKET,
        lat=GRID,
        kept=PASS,
    )
    assert view == {
        "type": "record",
        "name": "R",
        "namespace": "a.b",
        "doc": "kept",
        "fields": [
            {"name": "day", "type": DATE},
            {"name": "uid", "type": ["null", "string"]},
            {"name": "cut", "type": ["string", "null"]},
            {"name": "hidden", "type": {"type": "bytes", ENCRYPTED: ["null", DATE]}},
            {"name": "count", "type": "int"},
            {"name": "money", "type": DECIMAL},
            {"name": "lat", "type": ["null", "double"]},
            {"name": "kept", "type": ["null", "long"]},
        ],
    }


def test_a_masked_uuid_is_no_uuid_any_more():
    """A stock reader would refuse a truncated one."""
    assert field(derive(record(("u", {"type": "string", "logicalType": "uuid"})), u=MASK), "u")["type"] == "string"


def test_defaults_of_protected_fields_are_gone_and_others_stay():
    inner = {"type": "record", "name": "In", "fields": [{"name": "x", "type": "int", "default": 3}]}
    schema = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "a", "type": "string", "default": "secret"},
            {"name": "b", "type": "string", "default": "open"},
            {"name": "c", "type": inner, "default": {"x": 7}},
            {"name": "d", "type": ["null", "string"], "default": None},
        ],
    }
    view = derive_paths(schema, {"a": MASK, "b": PASS, "c.x": NOISE, "d": ENCRYPT})
    assert "default" not in field(view, "a")
    assert field(view, "b")["default"] == "open"
    assert "default" not in field(view, "c")
    assert "default" not in field(view, "c")["type"]["fields"][0]
    assert "default" not in field(view, "d")
    assert "secret" not in json.dumps(view)


PERSON = record(("code", "string"), ("born", DATE), name="Person", aliases=["Human"])


def test_a_type_protected_in_two_ways_becomes_two_types():
    schema = record(("payer", PERSON), ("payee", ["null", "Person"]), ("third", "Person"), namespace="ee")
    view = derive_paths(
        schema,
        {
            "payer.code": PASS,
            "payer.born": YEAR,
            "payee.code": PSEUDONYM,
            "payee.born": OMIT,
            "third.code": PASS,
            "third.born": YEAR,
        },
    )
    payer, payee = field(view, "payer")["type"], field(view, "payee")["type"][1]
    assert payer["name"].startswith("Person_")
    assert payee["name"].startswith("Person_")
    assert len(payer["name"]) == len("Person_") + 8
    assert payer["name"] != payee["name"]
    assert field(view, "third")["type"] == payer["name"]
    assert [one["name"] for one in payee["fields"]] == ["code"]
    assert "aliases" not in payer


def test_the_names_of_variants_are_pinned():
    """They are part of the registered schema: another digest would be another schema."""
    schema = record(("a", PERSON), ("b", "Person"), ("c", "Person"))
    view = derive_paths(schema, {"a.code": PASS, "a.born": OMIT, "b.code": MASK, "b.born": PASS, "c": PASS})
    assert [one["type"]["name"] for one in view["fields"]] == VARIANTS


VARIANTS = ["Person_794aaea2", "Person_f9604653", "Person"]


def test_a_written_reason_does_not_make_a_variant():
    schema = record(("a", PERSON), ("b", "Person"))
    view = derive_paths(schema, {"a": {**PASS, "reason": "one"}, "b": {**PASS, "reason": "two"}})
    assert field(view, "b")["type"] == "Person"


def test_the_definition_moves_to_its_first_remaining_use():
    schema = record(("a", PERSON), ("b", ["null", "Person"]), ("c", "Person"))
    view = derive_paths(schema, {"a": OMIT, "b": ENCRYPT, "c": PASS})
    assert view["fields"] == [
        {"name": "b", "type": {"type": "bytes", ENCRYPTED: ["null", PERSON]}},
        {"name": "c", "type": PERSON},
    ]


def test_an_encrypted_node_keeps_its_whole_type_for_the_recipient():
    schema = record(("first", PERSON), ("all", {"type": "array", "items": "Person"}), namespace="ee")
    view = derive_paths(schema, {"first": OMIT, "all": ENCRYPT})
    hidden = field(view, "all")["type"][ENCRYPTED]
    assert type_digest(hidden) == type_digest(type_at(schema, "all"))


def test_items_may_be_encrypted_one_by_one():
    schema = record(("tags", {"type": "array", "items": ["null", "string"]}))
    view = derive_paths(schema, {"tags[]": ENCRYPT})
    assert field(view, "tags")["type"] == {
        "type": "array",
        "items": {"type": "bytes", ENCRYPTED: ["null", "string"]},
    }


def test_a_map_is_encrypted_whole_because_its_keys_tell_as_much():
    schema = record(("labels", ["null", {"type": "map", "values": "string"}]))
    view = derive_paths(schema, {"labels{}": ENCRYPT})
    assert field(view, "labels")["type"] == {
        "type": "bytes",
        ENCRYPTED: ["null", {"type": "map", "values": "string"}],
    }


@pytest.mark.parametrize("by", [{"m{}.code": MASK, "m{}.born": PASS}, {"m{}.code": ENCRYPT, "m{}.born": PASS}])
def test_a_map_in_part_protected_is_refused(by):
    with pytest.raises(DocumentError, match="encrypt or omit it whole"):
        derive_paths(record(("m", {"type": "map", "values": PERSON})), by)


def test_what_held_only_omitted_fields_is_omitted():
    schema = record(
        ("p", PERSON),
        ("q", {"type": "array", "items": "Person"}),
        ("r", {"type": "map", "values": "int"}),
        ("s", "int"),
    )
    by = {"p.code": OMIT, "p.born": OMIT, "q[].code": OMIT, "q[].born": OMIT, "r{}": OMIT, "s": PASS}
    assert derive_paths(schema, by)["fields"] == [{"name": "s", "type": "int"}]


def test_a_view_without_fields_is_refused():
    with pytest.raises(DocumentError, match="agreement ee-fi: every field is omitted"):
        derive_paths(record(("p", PERSON)), {"p.code": OMIT, "p.born": OMIT})


def test_a_type_kept_inside_a_union_and_protected_elsewhere_is_two_types():
    """A union of several branches is one leaf; what it holds must not take over the protected type's name."""
    schema = record(("p", PERSON), ("u", ["string", "Person"]))
    view = derive_paths(schema, {"p.code": MASK, "p.born": OMIT, "u": PASS})
    protected, kept = field(view, "p")["type"], field(view, "u")["type"][1]
    assert protected["name"].startswith("Person_")
    assert kept["name"] == "Person"
    assert len(kept["fields"]) == 2
    assert len(protected["fields"]) == 1


def test_a_record_that_passes_inside_itself_would_undo_what_protects_it_outside():
    schema = record(("secret", "string"), ("next", ["null", "string", "R"]))
    assert derive_paths(schema, {"secret": MASK, "next": ENCRYPT})
    assert derive_paths(schema, {"secret": PASS, "next": PASS})
    with pytest.raises(DocumentError, match="contains itself in a field that passes"):
        derive_paths(schema, {"secret": MASK, "next": PASS})


@pytest.mark.parametrize(
    ("kind", "by", "text"),
    [
        ("int", MASK, "only a string can be masked"),
        (["null", "string", "int"], MASK, "only a string"),
        ("string", YEAR, "only dates and timestamps"),
        (DATE, BUCKET, "only numbers"),
        ("string", BUCKET, "only numbers"),
        ("int", GRID, "only a float or double"),
        ("string", NOISE, "noise wants"),
        (DATE, NOISE, "noise wants"),
        ("double", {**NOISE, "step": None}, "stated step"),
        ("null", PSEUDONYM, "cannot be protected"),
    ],
)
def test_a_safeguard_that_does_not_fit_its_field_is_refused(kind, by, text):
    with pytest.raises(DocumentError, match=text):
        derive_paths(record(("f", kind)), {"f": by})


def test_every_problem_is_told_at_once():
    with pytest.raises(DocumentError) as caught:
        derive_paths(
            record(("p", PERSON), ("x", "int"), ("y", "int")), {"p": MASK, "p.code": PASS, "nope": PASS, "x": MASK}
        )
    for text in (
        "`p.code` is under several",
        "`p` holds several fields",
        "no field `nope`",
        "`x` is int",
        "`y` has no",
    ):
        assert text in str(caught.value)


def test_a_source_schema_that_calls_itself_encrypted_is_refused():
    with pytest.raises(DocumentError, match=ENCRYPTED):
        derive_paths(record(("f", {"type": "bytes", ENCRYPTED: "string"})), {"f": PASS})


def test_a_view_whose_array_items_would_take_no_bytes_is_refused():
    schema = record(("a", {"type": "array", "items": record(("n", "null"), ("x", "int"), name="I")}))
    with pytest.raises(DocumentError, match="take no bytes"):
        derive_paths(schema, {"a[].n": PASS, "a[].x": OMIT})


@st.composite
def agreements(draw):
    """A schema and fitting safeguards, some on interior nodes."""
    schema = draw(record_schemas())
    safeguards = {}
    for path, leaf in leaves(schema).items():
        if any(covers(one, path) for one in safeguards):
            continue
        inside = [path[:at] for at in range(1, len(path)) if path[at] in ".[{"]
        inside = [one for one in inside if not any(covers(one, other) for other in safeguards)]
        if inside and draw(st.integers(0, 3)) == 0:
            safeguards[draw(st.sampled_from(inside))] = parse(draw(st.sampled_from([PASS, OMIT, ENCRYPT])))
            continue
        choices = [PASS, OMIT, ENCRYPT] if "{}" in path else [PASS, OMIT, ENCRYPT, PSEUDONYM, MASK, YEAR, BUCKET, NOISE]
        fitting = [by for by in choices if not list(misfit(leaf, path, parse(by)))]
        safeguards[path] = parse(draw(st.sampled_from(fitting)))
    return schema, safeguards


@MANY
@given(agreements())
def test_the_view_always_parses_and_holds_exactly_what_is_left(made):
    """In fastavro and in Apache avro; every leaf is where the safeguards leave it, of the type they leave."""
    schema, safeguards = made
    try:
        view = derive_view(schema, safeguards, "a")
    except DocumentError as error:
        assume("encrypt or omit it whole" not in error.message and "every field is omitted" not in error.message)
        raise
    fastavro.parse_schema(json.loads(json.dumps(view)))
    avro.schema.parse(json.dumps(view))
    assert tree(view).root == tree(schema).root
    before, after = leaves(schema), leaves(view)
    cut = safeguard_cut(tree(schema), safeguards)
    assert list(after) == [path for path, by in cut.items() if not isinstance(by, Omit)]
    for path, leaf in after.items():
        if isinstance(cut[path], Encrypt):
            assert type_digest(leaf.type[ENCRYPTED]) == type_digest(type_at(schema, path))
        else:
            assert leaf.nullable == before[path].nullable
            assert cut[path].do in {"mask", "pseudonymise"} or leaf.primitive == before[path].primitive
        if isinstance(cut[path], Pass):
            # Down to the names of types: the values of a union say their branch by them.
            assert type_digest(leaf.type) == type_digest(before[path].type)


@MANY
@given(agreements())
def test_deriving_is_a_function(made):
    schema, safeguards = made
    again = dict(reversed(safeguards.items()))
    try:
        view = derive_view(schema, safeguards, "a")
    except DocumentError as error:
        with pytest.raises(DocumentError, match=error.message[:10].replace("`", ".")):
            derive_view(schema, again, "b")
    else:
        assert json.dumps(derive_view(json.loads(json.dumps(schema)), again, "b")) == json.dumps(view)
