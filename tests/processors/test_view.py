"""View programs and opening: any type goes there and back, nothing moved or altered opens, each key is its own."""

import copy
import json
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from avro_strategies import record_schemas, values
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from view_world import ENCRYPT, NOISE, OMIT, PASS, PSEUDONYM, World, agreement_of, contract_of, record, subject_key

from penstock.processors.open_view import OpenProgram, Spot
from penstock.processors.view import compile_view
from penstock.schemas.avro_paths import covers, leaves
from penstock.schemas.avro_tree import tree
from penstock.schemas.codec import Codec, LogicalCodec
from penstock.schemas.encrypted import HEAD_BYTES, TAG_BYTES, padded_size
from penstock.schemas.errors import DocumentError, KeyUnavailableError, RecordError
from penstock.schemas.view_label import VIEW, view_schema_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "encrypted_1.json").read_text())
MANY = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
DATE = {"type": "int", "logicalType": "date"}
HEAD = (("id", "string"), ("person", ["null", "string"]))


def wrapped(body):
    return record(*HEAD, ("body", body))


@st.composite
def protected_events(draw, choices=("pass", "encrypt", "omit")):
    """A random schema below `body`, a safeguard for each leaf or interior node, and an event."""
    schema = wrapped(draw(record_schemas()))
    safeguards = {"id": PASS, "person": draw(st.sampled_from([PASS, PSEUDONYM, OMIT]))}
    for path in leaves(schema):
        if any(covers(one, path) for one in safeguards):
            continue
        whole = [path[:at] for at in range(1, len(path)) if path[at] in ".[{"]
        free = [one for one in whole if not any(covers(one, other) for other in safeguards)]
        place = draw(st.sampled_from(free)) if free and draw(st.integers(0, 4)) == 0 else path
        safeguards[place] = {"do": draw(st.sampled_from(choices))}
    resolved = tree(schema)
    return schema, safeguards, draw(values(resolved, resolved.root))


def world_of(schema, safeguards, **changes):
    try:
        return World(contract_of(schema, **changes), agreement_of(safeguards))
    except DocumentError as error:
        assume("encrypt or omit it whole" not in error.message)
        raise


@MANY
@given(protected_events(choices=("encrypt",)))
def test_every_type_encrypts_and_comes_back_typed(made):
    schema, safeguards, event = made
    world = world_of(schema, safeguards)
    opened = world.open(world.view(event))
    assert opened["body"] == event["body"]
    assert Codec(schema).encode({**event, **opened, "person": event["person"]}) == Codec(schema).encode(event)


@MANY
@given(protected_events())
def test_passed_fields_are_untouched_and_omitted_ones_absent(made):
    schema, safeguards, event = made
    world = world_of(schema, safeguards)
    opened = world.open(world.view(event))
    assert_subset(opened.get("body"), event["body"])
    assert ("person" in opened) == (safeguards["person"] != OMIT)
    if safeguards["person"] == PSEUDONYM:
        assert opened["person"] == (None if event["person"] is None else "pseudonym-1")


def assert_subset(found, original):
    """What is there equals the original; records may have lost fields."""
    if isinstance(found, dict) and isinstance(original, dict):
        assert found.keys() <= original.keys()
        for key, value in found.items():
            assert_subset(value, original[key])
    elif isinstance(found, list) and isinstance(original, list):
        assert len(found) == len(original)
        for one, other in zip(found, original, strict=True):
            assert_subset(one, other)
    elif found is not None or original is None:
        assert (type(found), found) == (type(original), original)


@MANY
@given(protected_events(choices=("pass",)))
def test_a_view_of_passed_fields_is_the_event_byte_for_byte(made):
    schema, safeguards, event = made
    world = world_of(schema, {**safeguards, "person": PASS})
    assert world.codec.encode(world.view(event)) == Codec(schema).encode(event)


# --- nothing moved opens ----------------------------------------------------------------------------------------------

PARTY = record(("name", "string"), ("town", "string"), name="Party")
MOVES = record(
    *HEAD,
    ("a", "long"),
    ("b", "long"),
    ("text", "string"),
    ("raw", "bytes"),
    ("payer", PARTY),
    ("payee", ["null", "Party"]),
    ("items", {"type": "array", "items": record(("sum", "long"), name="Item")}),
    ("labels", {"type": "map", "values": "string"}),
)
MOVE_SAFEGUARDS = dict.fromkeys(leaves(MOVES), ENCRYPT) | {"id": PASS, "person": PASS}
EVENT = {
    "id": "evt-1",
    "person": "38001085718",
    "a": 7,
    "b": 7,
    "text": "same",
    "raw": b"same",
    "payer": {"name": "same", "town": "same"},
    "payee": {"name": "same", "town": "same"},
    "items": [{"sum": 7}, {"sum": 7}],
    "labels": {"x": "same"},
}


@pytest.fixture
def moves():
    return World(contract_of(MOVES), agreement_of(MOVE_SAFEGUARDS))


def at(view, path):
    for step in path:
        view = view[step]
    return view


def put(view, path, value):
    moved = copy.deepcopy(view)
    at(moved, path[:-1])[path[-1]] = value
    return moved


PLACES = [
    ("a",), ("b",), ("text",), ("raw",), ("payer", "name"), ("payer", "town"), ("payee", "name"), ("payee", "town"),
    ("items", 0, "sum"), ("items", 1, "sum"), ("labels",),
]  # fmt: skip


@pytest.mark.parametrize("source", PLACES, ids=str)
@pytest.mark.parametrize("target", PLACES, ids=str)
def test_no_field_opens_in_anothers_place(moves, source, target):
    """All 110 pairs: item to item, field to field, record to record, and across types of equal bytes."""
    view = moves.view(EVENT)
    moved = put(view, target, at(view, source))
    if source == target:
        assert moves.open(moved) == EVENT
    else:
        with pytest.raises(RecordError, match="moved here from another place"):
            moves.open(moved)


def test_no_field_opens_in_another_record(moves):
    one, other = moves.view(EVENT), moves.view({**EVENT, "id": "evt-2"})
    for path in PLACES:
        with pytest.raises(RecordError, match="does not open"):
            moves.open(put(one, path, at(other, path)))


def test_no_item_opens_at_another_index_of_another_record(moves):
    view = moves.view(EVENT)
    with pytest.raises(RecordError, match=r"items\[0\].sum"):
        moves.open({**view, "items": list(reversed(view["items"]))})


OTHER_VIEWS = {
    "agreement": lambda: World(contract_of(MOVES), agreement_of(MOVE_SAFEGUARDS, id="ee-se")),
    "dataset": lambda: World(contract_of(MOVES, id="wages"), agreement_of(MOVE_SAFEGUARDS)),
    "major version": lambda: World(contract_of(MOVES, version="2.0.0"), agreement_of(MOVE_SAFEGUARDS)),
}


@pytest.mark.parametrize("other", OTHER_VIEWS)
def test_no_field_opens_in_another_view(moves, other):
    """Even with the same key and handle, which the key store would not give."""
    view = moves.view(EVENT)
    foreign = OTHER_VIEWS[other]()
    with pytest.raises(RecordError, match="does not open"):
        foreign.open(view)
    assert foreign.open(foreign.view(EVENT)) == EVENT


def test_no_field_opens_under_another_type():
    """A long read as an int, of the same bytes: the type's digest is bound."""
    narrow = record(*HEAD, ("a", "int"))
    wide = record(*HEAD, ("a", "long"))
    safeguards = {"id": PASS, "person": PASS, "a": ENCRYPT}
    one, other = (World(contract_of(schema), agreement_of(safeguards)) for schema in (narrow, wide))
    view = one.view({"id": "x", "person": "p", "a": 5})
    with pytest.raises(RecordError, match="does not open"):
        other.open(view)


def test_no_field_opens_under_another_handle(moves):
    """The handle in the clear is bound too, so a key cannot be asked for under a false name."""
    view = moves.view(EVENT)
    false = view["a"][:1] + b"otherone" + view["a"][9:]
    with pytest.raises(RecordError, match="does not open"):
        moves.opening.open({**view, "a": false}, {**moves.keys, b"otherone": moves.subjects["person"].key})


@given(st.data())
def test_no_altered_field_opens(data):
    world = World(contract_of(MOVES), agreement_of(MOVE_SAFEGUARDS))
    view = world.view(EVENT)
    path = data.draw(st.sampled_from(PLACES))
    bent = bytearray(at(view, path))
    bit = data.draw(st.integers(0, 8 * len(bent) - 1))
    bent[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises((RecordError, KeyUnavailableError)):
        world.open(put(view, path, bytes(bent)))


def test_lengths_hide_null_and_magnitude():
    schema = record(*HEAD, ("n", ["null", "long"]), ("s", ["null", "string"]))
    world = World(contract_of(schema), agreement_of({"id": PASS, "person": PASS, "n": ENCRYPT, "s": ENCRYPT}))
    sizes = set()
    for number, text in ((None, None), (0, ""), (2**62, "Maria Tamm"), (-1, "x" * 13)):
        view = world.view({"id": "i", "person": "p", "n": number, "s": text})
        sizes |= {len(view["n"]), len(view["s"])}
    assert sizes == {HEAD_BYTES + 16 + 16}


SIZED = {
    "boolean": (st.booleans(), 16),
    "int": (st.integers(-(2**31), 2**31 - 1), 16),
    "long": (st.integers(-(2**63), 2**63 - 1), 16),
    "float": (st.floats(width=32), 16),
    "double": (st.floats(), 16),
    "string": (st.text(max_size=12).filter(lambda text: len(text.encode()) <= 12), 16),
    "bytes": (st.binary(max_size=29), 32),
}
"""Kinds, values of theirs, and the size within which null and magnitude are hidden: it holds each of them, padded."""


@pytest.mark.parametrize("kind", SIZED)
@given(st.data())
def test_within_a_stated_size_no_length_tells_null_from_value_or_small_from_large(kind, data):
    drawn, size = SIZED[kind]
    codec = Codec(["null", kind])
    values = [None, *(data.draw(drawn) for _ in range(3))]
    lengths = {padded_size(len(codec.encode(value))) for value in values}
    if kind == "bytes":
        assert lengths <= {16, size}, "beyond 13 bytes a length tells only that"
    else:
        assert lengths == {size}


@MANY
@given(protected_events(choices=("encrypt",)))
def test_every_encrypted_length_is_a_stated_one(made):
    """Whatever the type, what shows is one of Padmé's few lengths."""
    schema, safeguards, event = made
    world = world_of(schema, safeguards)
    seen = []

    class Lengths:
        def field(self, data, _inner, _spot):
            seen.append(len(data) - HEAD_BYTES - TAG_BYTES)

    if world.opening._walk is not None:
        world.opening._walk(world.view(event), Lengths(), Spot())
    assert all(size == padded_size(size - 1) for size in seen)
    assert {size for size in seen if size <= 64} <= {16, 32, 64}


# --- golden -----------------------------------------------------------------------------------------------------------


def test_golden_fields_have_these_bytes():
    world = World(contract_of(MOVES), agreement_of(MOVE_SAFEGUARDS))
    view = world.view(EVENT)
    assert {".".join(map(str, path)): at(view, path).hex() for path in PLACES} == GOLDEN["fields"]


def test_golden_fields_still_open():
    world = World(contract_of(MOVES), agreement_of(MOVE_SAFEGUARDS))
    view = world.view(EVENT)
    for name, data in GOLDEN["fields"].items():
        path = tuple(int(part) if part.isdigit() else part for part in name.split("."))
        view = put(view, path, bytes.fromhex(data))
    assert world.open(view) == EVENT


def test_a_record_with_logical_values_opens_by_its_event_id_as_written():
    """A recipient's UUID object has lost the capitals that bind the fields."""
    schema = record(("id", {"type": "string", "logicalType": "uuid"}), ("person", "string"), ("day", DATE))
    world = World(contract_of(schema), agreement_of({"id": PASS, "person": PASS, "day": ENCRYPT}))
    event = {"id": "0D7F5B0E-4C1C-4A55-9D0F-1F3A7B1F9A01", "person": "p", "day": 20454}
    view = world.view(event)
    typed = LogicalCodec(world.schema).decode(world.codec.encode(view))
    program = OpenProgram(world.schema, inner=LogicalCodec)
    opened = program.open(typed, world.keys, shown_id=program.shown_id(view))
    assert opened == {"id": UUID(event["id"]), "person": "p", "day": date(2026, 1, 1)}
    with pytest.raises(RecordError, match="does not open"):
        program.open(typed, world.keys)


# --- whose key --------------------------------------------------------------------------------------------------------

TWO = record(*HEAD, ("payer", "string"), ("sum", "long"), ("rate", "double"))
TWO_SAFEGUARDS = {"id": PASS, "person": ENCRYPT, "payer": ENCRYPT, "sum": ENCRYPT, "rate": ENCRYPT}
TWO_EVENT = {"id": "i", "person": "p", "payer": "q", "sum": 5, "rate": 1.5}


def two(**changes):
    named = {"subjects": {"payer": "payer", "sum": "payer"}, "public": ("rate",)} | changes
    return World(contract_of(TWO, **named), agreement_of(TWO_SAFEGUARDS))


def test_each_field_is_under_the_key_of_its_own_subject():
    world = two()
    view = world.view(TWO_EVENT)
    handles = {name: view[name][1:9] for name in ("person", "payer", "sum", "rate")}
    person, payer = world.subjects["person"].handle, world.subjects["payer"].handle
    assert handles == {"person": person, "payer": payer, "sum": payer, "rate": world.bulk.handle}
    assert world.program.subject_paths == ("payer", "person")
    assert world.program.bulk
    assert world.opening.handles(view) == set(handles.values())
    assert world.open(view) == TWO_EVENT


def test_the_bulk_key_counts_its_nonces():
    world = two()
    nonces = [world.view(TWO_EVENT)["rate"][9:21] for _ in range(3)]
    assert nonces == [number.to_bytes(12, "big") for number in range(3)]


@pytest.mark.parametrize(("missing", "field"), [("payer", "payer"), ("person", "person")])
def test_without_a_subjects_key_nothing_is_released(missing, field):
    world = two()
    subjects = {path: key for path, key in world.subjects.items() if path != missing}
    with pytest.raises(KeyUnavailableError, match=f"field `{field}` needs the keys"):
        world.view(TWO_EVENT, subjects=subjects)


def test_without_a_bulk_key_nothing_is_released():
    with pytest.raises(KeyUnavailableError, match="`rate` is about no data subject"):
        two().view(TWO_EVENT, bulk=None)


def test_a_contract_without_data_subjects_uses_bulk_keys():
    world = World(contract_of(TWO, subject=None), agreement_of(TWO_SAFEGUARDS))
    assert world.program.subject_paths == ()
    assert world.open(world.view(TWO_EVENT)) == TWO_EVENT


def test_an_unclassified_field_counts_as_the_data_subjects():
    contract = contract_of(TWO, public=("rate",))
    del contract.fields["rate"]
    assert not World(contract, agreement_of(TWO_SAFEGUARDS)).program.bulk


def test_data_of_two_subjects_is_not_encrypted_as_one():
    schema = record(*HEAD, ("both", record(("x", "string"), ("y", "string"), name="Both")), ("other", "string"))
    contract = contract_of(schema, subjects={"both.y": "other"})
    safeguards = {"id": PASS, "person": PASS, "other": OMIT}
    with pytest.raises(DocumentError, match="several data subjects"):
        World(contract, agreement_of({**safeguards, "both": ENCRYPT}))
    assert World(contract, agreement_of({**safeguards, "both.x": ENCRYPT, "both.y": ENCRYPT}))


def test_a_missing_key_is_named_by_field_and_handle_and_no_value():
    world = two()
    with pytest.raises(KeyUnavailableError) as caught:
        world.opening.open(world.view(TWO_EVENT), {world.subjects["person"].handle: world.subjects["person"].key})
    assert "`payer`" in str(caught.value)
    assert world.subjects["payer"].handle.hex() in str(caught.value)


# --- event ids, pseudonyms, noise, record keys ------------------------------------------------------------------------

PLAIN = record(*HEAD, ("n", ["null", "long"]), ("items", {"type": "array", "items": "long"}))
PLAIN_EVENT = {"id": "evt-1", "person": "38001085718", "n": 5, "items": [3, 3]}


def plain(event_id=PASS, n=ENCRYPT, items=OMIT, person=PSEUDONYM, **changes):
    safeguards = {"id": event_id, "person": person, "n": n, "items[]": items}
    return World(contract_of(PLAIN, **changes), agreement_of(safeguards))


def test_a_rekeyed_event_id_binds_the_fields():
    world = plain(PSEUDONYM)
    view = world.view(PLAIN_EVENT)
    assert view["id"] != "evt-1"
    assert len(view["id"]) == 26
    assert world.open(view)["n"] == 5
    with pytest.raises(RecordError, match="does not open"):
        world.open({**view, "id": "evt-1"})


def test_the_same_subject_has_the_same_pseudonym_and_null_stays_null():
    world = plain()
    assert world.view(PLAIN_EVENT)["person"] == world.view({**PLAIN_EVENT, "id": "2"})["person"] == "pseudonym-1"
    assert world.view({**PLAIN_EVENT, "person": None})["person"] is None


@pytest.mark.parametrize(
    ("person", "key"), [(PASS, b"38001085718"), (PSEUDONYM, b"pseudonym-1"), (ENCRYPT, None), (OMIT, None)]
)
def test_the_record_key_is_what_the_view_shows_of_it(person, key):
    world = plain(person=person)
    assert world.program.record_key(world.view(PLAIN_EVENT)) == key


def test_noise_is_drawn_for_each_item_and_null_stays_null():
    world = plain(n=NOISE, items=NOISE)
    views = [world.view({**PLAIN_EVENT, "id": str(number)}) for number in range(60)]
    assert any(view["items"][0] != view["items"][1] for view in views)
    assert world.view({**PLAIN_EVENT, "n": None})["n"] is None
    assert world.view(PLAIN_EVENT)["items"] == world.view(PLAIN_EVENT)["items"]
    assert world.program.noisy


def test_the_same_release_gives_the_same_bytes():
    """Law 6: same documents, event and randomness, same bytes."""
    one, other = (World(contract_of(MOVES), agreement_of(MOVE_SAFEGUARDS)) for _ in range(2))
    assert one.codec.encode(one.view(EVENT)) == other.codec.encode(other.view(EVENT))


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: plain(OMIT), "which the view does not show"),
        (lambda: plain(PSEUDONYM, person=PASS, subject=None), "names no data subject"),
        (lambda: plain(n=PSEUDONYM), "identifies no data subject"),
        (lambda: plain(OMIT, OMIT, OMIT, OMIT), "every field is omitted"),
        (lambda: plain(n={"do": "mask", "how": "redact"}), "only a string can be masked"),
    ],
)
def test_documents_that_cannot_make_a_view_are_refused(make, says):
    with pytest.raises(DocumentError) as caught:
        make()
    assert says in str(caught.value)
    assert caught.value.remedy


def test_another_view_schema_than_the_documents_give_is_refused():
    contract, agreement = contract_of(PLAIN), agreement_of({"id": PASS, "person": PASS, "n": OMIT, "items[]": OMIT})
    with pytest.raises(DocumentError, match="not the one that the documents give"):
        compile_view(contract, PLAIN, agreement, PLAIN)


def test_a_view_schema_without_its_label_is_refused():
    contract, agreement = contract_of(PLAIN), agreement_of({"id": PASS, "person": PASS, "n": PASS, "items[]": PASS})
    schema = view_schema_of(contract, agreement)
    for label in (None, {}, {**schema[VIEW], "more": 1}):
        with pytest.raises(DocumentError, match=r"penstock\.view"):
            OpenProgram({**schema, VIEW: label})


# --- other writer schemas ---------------------------------------------------------------------------------------------


def test_a_field_that_only_a_newer_writer_has_is_left_out_and_told():
    inner = record(("x", "int"), ("shoe_size", "int"), name="Inner")
    writer = record(*HEAD, ("inner", inner), ("extra", "string"))
    schema = record(*HEAD, ("inner", record(("x", "int"), name="Inner")))
    for inner_safeguard in ({"inner.x": PASS}, {"inner": ENCRYPT}):
        safeguards = {"id": PASS, "person": PASS, **inner_safeguard}
        world = World(contract_of(schema), agreement_of(safeguards), writer)
        assert world.program.unclassified == ("inner.shoe_size", "extra")
        event = {"id": "i", "person": "p", "inner": {"x": 1, "shoe_size": 44}, "extra": "secret"}
        assert world.open(world.view(event)) == {"id": "i", "person": "p", "inner": {"x": 1}}


def test_an_older_writers_event_takes_defaults_and_wider_types():
    old = record(*HEAD, ("sum", "int"))
    new = record(*HEAD, ("sum", "long"), ("note", ["null", "string"]))
    new["fields"][-1]["default"] = None
    safeguards = {"id": PASS, "person": PASS, "sum": ENCRYPT, "note": PASS}
    agreement = agreement_of(safeguards, predicate="note == null && sum > 3")
    world = World(contract_of(new), agreement, old)
    event = {"id": "i", "person": "p", "sum": 5}
    assert world.program.predicate(event) is True
    assert world.open(world.view(event)) == {**event, "note": None}


def test_keys_and_secrets_are_not_printed():
    world = plain()
    release = world.release()
    assert "\\x01\\x01" not in repr(release)
    assert (b"n" * 32).decode() not in repr(release)
    assert subject_key(1).key.hex() not in repr(subject_key(1))
