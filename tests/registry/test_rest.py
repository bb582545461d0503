"""The registry's REST over HTTP, with its log in memory: every answer is also given by the log read anew."""

import json
import threading
import urllib.parse

import pytest
from http_serving import call, serving
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from penstock.ops.gateway import registry_requests as requests
from penstock.ops.gateway.registry import registry_routes
from penstock.ops.gateway.registry_errors import RegistryError
from penstock.ops.gateway.registry_state import RegistryState
from penstock.schemas.registry_records import RegistryRecord, schema_record


class MemoryStore:
    """A registry whose topic is a list."""

    def __init__(self):
        self.log = []
        self.state = RegistryState()
        self.lock = threading.Lock()

    def read(self, ask):
        with self.lock:
            return ask(self.state)

    def write(self, decide):
        with self.lock:
            answer, records = decide(self.state)
            self.log += records
            self.state.apply(records)
            return answer

    def again(self, *, compacted=False):
        """Return the state that a new reader of the log has."""
        state = RegistryState()
        last = {record.key: index for index, record in enumerate(self.log)}
        state.apply(record for index, record in enumerate(self.log) if not compacted or last[record.key] == index)
        return state


class Current:
    """Passes on to the store of the test that runs: starting a server for each would take longer than the tests."""

    store: MemoryStore

    def read(self, ask):
        return self.store.read(ask)

    def write(self, decide):
        return self.store.write(decide)


@pytest.fixture(scope="module")
def server():
    current = Current()
    with serving(registry_routes(current)) as address:
        yield current, address


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def url(server, store):
    current, address = server
    current.store = store
    return address


def record(*fields, name="R"):
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields]}


INT, LONG, TEXT = record(("a", "int")), record(("a", "long")), record(("a", "string"))


def body(schema, **more):
    return {"schema": json.dumps(schema), **more}


def register(url, subject, schema, **more):
    return call("POST", f"{url}/subjects/{subject}/versions", body(schema, **more))


def code(answer):
    status, error = answer
    assert status == (error["error_code"] if error["error_code"] < 1000 else error["error_code"] // 100)
    assert error["message"]
    return error["error_code"]


def test_the_same_schema_has_one_id_under_every_subject(url):
    assert register(url, "s", INT) == (200, {"id": 1})
    assert register(url, "s", INT) == (200, {"id": 1})
    assert register(url, "t", INT) == (200, {"id": 1})
    assert register(url, "t", LONG) == (200, {"id": 2})
    assert call("GET", f"{url}/subjects") == (200, ["s", "t"])
    assert call("GET", f"{url}/subjects?subjectPrefix=t") == (200, ["t"])
    assert call("GET", f"{url}/subjects?offset=1&limit=5") == (200, ["t"])
    assert call("GET", f"{url}/subjects/t/versions") == (200, [1, 2])
    assert call("GET", f"{url}/schemas/ids/1/subjects") == (200, ["s", "t"])
    assert call("GET", f"{url}/schemas/ids/1/versions") == (
        200,
        [{"subject": "s", "version": 1}, {"subject": "t", "version": 1}],
    )


def test_spacing_and_order_of_properties_make_no_other_schema(url):
    spaced = '{ "fields": [ {"type": "int", "name": "a"} ],\n "name": "R", "type": "record" }'
    assert register(url, "s", INT)[1] == call("POST", f"{url}/subjects/t/versions", {"schema": spaced})[1] == {"id": 1}


def test_normalize_makes_one_schema_of_two_ways_to_say_it(url):
    full = {"type": "record", "name": "a.R", "fields": [{"name": "f", "type": {"type": "string"}}]}
    short = {"namespace": "a", "type": "record", "name": "R", "fields": [{"name": "f", "type": "string"}]}
    assert register(url, "s", full)[1] != register(url, "t", short)[1]
    first = call("POST", f"{url}/subjects/u/versions?normalize=true", body(full))[1]
    assert call("POST", f"{url}/subjects/v/versions?normalize=True", body(short))[1] == first
    assert call("POST", f"{url}/subjects/u?normalize=true", body(short))[1]["id"] == first["id"]


def test_a_version_is_found_by_number_and_as_latest(url):
    register(url, "s", INT)
    register(url, "s", LONG)
    latest = {"subject": "s", "version": 2, "id": 2}
    for version in ("2", "latest", "-1"):
        status, found = call("GET", f"{url}/subjects/s/versions/{version}")
        assert status == 200
        assert json.loads(found.pop("schema")) == LONG
        assert found == latest
    assert call("GET", f"{url}/subjects/s/versions/1/schema") == (200, INT)
    assert call("GET", f"{url}/subjects/s/versions/1/referencedby") == (200, [])
    assert call("GET", f"{url}/schemas/ids/2/schema") == (200, LONG)
    assert json.loads(call("GET", f"{url}/schemas/ids/2?fetchMaxId=true")[1]["schema"]) == LONG
    assert call("GET", f"{url}/schemas/types") == (200, ["AVRO"])


def test_what_is_not_there_has_its_code(url):
    register(url, "s", INT)
    assert code(call("GET", f"{url}/subjects/no/versions")) == 40401
    assert code(call("GET", f"{url}/subjects/no/versions/1")) == 40401
    assert code(call("POST", f"{url}/subjects/no", body(INT))) == 40401
    assert code(call("DELETE", f"{url}/subjects/no")) == 40401
    assert code(call("GET", f"{url}/subjects/s/versions/2")) == 40402
    assert code(call("DELETE", f"{url}/subjects/s/versions/2")) == 40402
    assert code(call("POST", f"{url}/compatibility/subjects/s/versions/2", body(INT))) == 40402
    assert code(call("POST", f"{url}/subjects/s", body(LONG))) == 40403
    assert code(call("GET", f"{url}/schemas/ids/9")) == 40403
    assert code(call("GET", f"{url}/config/s")) == 40408
    assert code(call("GET", f"{url}/mode/s")) == 40409


@pytest.mark.parametrize("version", ["0", "x", "-2", "2147483648", "1.5", "%C2%B2"])
def test_what_is_no_version_has_its_code(url, version):
    assert code(call("GET", f"{url}/subjects/s/versions/{version}")) == 42202


@pytest.mark.parametrize(
    "sent",
    [
        {"schema": "{"},
        {"schema": "nonsense"},
        {"schema": '{"type": "record", "name": "R"}'},
        {"schema": '{"type": "int", "x": NaN}'},
        {"schema": "[" * 100_000},
        {"schema": INT},
        {"schema": None},
        {},
        body(INT, schemaType="JSON"),
        body(INT, references=[{"name": "x", "subject": "y", "version": 1}]),
        body(INT, metadata={"tags": {}, "properties": {"a": "b"}}),
        body(INT, ruleSet={"domainRules": [{}]}),
        {"schema": json.dumps(record(("a", "int"), name="R" * 900_001))},
    ],
)
def test_an_unfit_schema_is_refused_everywhere(url, store, sent):
    for path in ("/subjects/s/versions", "/compatibility/subjects/s/versions", "/subjects/s"):
        assert code(call("POST", url + path, sent)) == 42201
    assert store.log == []


@pytest.mark.parametrize(("sent", "expected"), [(b"{", 400), (b"", 400), (b"[]", 400), (b"\xff", 400), (b"1", 400)])
def test_a_request_that_is_no_json_object_is_refused(url, sent, expected):
    assert code(call("POST", f"{url}/subjects/s/versions", sent)) == expected
    assert code(call("PUT", f"{url}/config", sent)) == expected


def test_a_request_that_is_too_large_is_refused(url):
    assert code(call("POST", f"{url}/subjects/s/versions", b" " * 2_200_000)) == 413


@pytest.mark.parametrize("subject", ["%20", ":.ctx:s", "__GLOBAL", "a%0Ab"])
def test_what_is_no_subject_is_refused(url, subject):
    assert code(register(url, subject, INT)) == 42208


def test_a_subject_may_be_called_anything_else(url):
    subject = "ee-tax.payments.v1-value é %"
    quoted = urllib.parse.quote(subject)
    register(url, quoted, INT)
    assert call("GET", f"{url}/subjects") == (200, [subject])
    assert call("GET", f"{url}/subjects/{quoted}/versions") == (200, [1])


def test_backward_is_the_default_and_an_incompatible_schema_is_refused(url, store):
    register(url, "s", LONG)
    assert call("GET", f"{url}/config") == (200, {"compatibilityLevel": "BACKWARD"})
    before = list(store.log)
    status, error = register(url, "s", TEXT)
    assert (status, error["error_code"]) == (409, 409)
    assert "the new schema cannot read old data" in error["message"]
    assert store.log == before
    path = f"{url}/compatibility/subjects/s/versions"
    assert call("POST", path, body(TEXT)) == (200, {"is_compatible": False})
    assert call("POST", f"{path}/latest?verbose=true", body(INT))[1]["messages"] != []
    assert call("POST", f"{path}/1?verbose=true", body(LONG)) == (200, {"is_compatible": True, "messages": []})
    assert call("POST", f"{url}/compatibility/subjects/new/versions", body(TEXT)) == (200, {"is_compatible": True})


def test_levels_are_set_for_everybody_and_for_one_subject(url, store):
    register(url, "s", INT)
    assert call("PUT", f"{url}/config", {"compatibility": "full"}) == (200, {"compatibility": "FULL"})
    assert code(register(url, "s", LONG)) == 409
    assert call("PUT", f"{url}/config/s", {"compatibility": "NONE"}) == (200, {"compatibility": "NONE"})
    assert call("GET", f"{url}/config/s") == (200, {"compatibilityLevel": "NONE"})
    assert register(url, "s", TEXT)[0] == 200
    assert call("GET", f"{url}/config/t?defaultToGlobal=true") == (200, {"compatibilityLevel": "FULL"})
    assert call("DELETE", f"{url}/config/s") == (200, {"compatibilityLevel": "NONE"})
    assert code(call("GET", f"{url}/config/s")) == 40408
    assert code(call("DELETE", f"{url}/config/s")) == 40401
    assert call("DELETE", f"{url}/config") == (200, {"compatibilityLevel": "FULL"})
    assert call("GET", f"{url}/config") == (200, {"compatibilityLevel": "BACKWARD"})
    for wrong in ({"compatibility": "SIDEWAYS"}, {}, {"compatibility": "NONE", "compatibilityGroup": "x"}):
        assert code(call("PUT", f"{url}/config", wrong)) == 42203
    assert store.again().levels == store.state.levels


def test_modes(url):
    register(url, "s", INT)
    assert call("GET", f"{url}/mode") == (200, {"mode": "READWRITE"})
    assert call("PUT", f"{url}/mode/s", {"mode": "READONLY"}) == (200, {"mode": "READONLY"})
    assert code(register(url, "s", LONG)) == 42205
    assert register(url, "s", INT) == (200, {"id": 1})  # what is there needs no writing
    assert code(call("DELETE", f"{url}/subjects/s")) == 42205
    assert register(url, "t", LONG)[0] == 200
    assert call("PUT", f"{url}/mode", {"mode": "READONLY_OVERRIDE"})[0] == 200
    assert code(register(url, "t", INT)) == 42205
    assert call("PUT", f"{url}/mode", {"mode": "READWRITE"})[0] == 200
    assert call("DELETE", f"{url}/mode/s") == (200, {"mode": "READONLY"})
    assert register(url, "s", LONG)[0] == 200
    assert code(call("PUT", f"{url}/mode", {"mode": "SIDEWAYS"})) == 42204
    assert call("GET", f"{url}/mode/s?defaultToGlobal=true") == (200, {"mode": "READWRITE"})


def test_import_takes_ids_from_another_registry(url):
    register(url, "s", INT)
    assert code(register(url, "t", LONG, id=100)) == 42205  # not in mode IMPORT
    assert code(call("PUT", f"{url}/mode/s", {"mode": "IMPORT"})) == 42205
    assert call("PUT", f"{url}/mode/t", {"mode": "IMPORT"})[0] == 200
    assert register(url, "t", LONG, id=100, version=7) == (200, {"id": 100})
    assert code(register(url, "t", TEXT)) == 42205
    assert code(register(url, "t", TEXT, id=100)) == 42205
    assert code(register(url, "t", LONG, id=101)) == 42205
    assert code(register(url, "t", TEXT, id=102, version=0)) == 42202
    assert call("GET", f"{url}/subjects/t/versions") == (200, [7])
    assert register(url, "u", TEXT) == (200, {"id": 101})


def test_a_version_is_deleted_softly_then_permanently(url, store):
    for schema in (INT, LONG):
        register(url, "s", schema)
    assert code(call("DELETE", f"{url}/subjects/s/versions/1?permanent=true")) == 40407
    assert call("DELETE", f"{url}/subjects/s/versions/1") == (200, 1)
    assert code(call("DELETE", f"{url}/subjects/s/versions/1")) == 40406
    assert call("GET", f"{url}/subjects/s/versions") == (200, [2])
    assert call("GET", f"{url}/subjects/s/versions?deleted=true") == (200, [1, 2])
    assert call("GET", f"{url}/subjects/s/versions?deletedOnly=true") == (200, [1])
    assert code(call("GET", f"{url}/subjects/s/versions/1")) == 40402
    assert call("GET", f"{url}/subjects/s/versions/1?deleted=true")[1]["id"] == 1
    assert json.loads(call("GET", f"{url}/schemas/ids/1")[1]["schema"]) == INT  # data that has it stays readable
    assert call("GET", f"{url}/schemas/ids/1/subjects") == (200, [])
    assert call("GET", f"{url}/schemas/ids/1/subjects?deleted=true") == (200, ["s"])
    assert code(call("POST", f"{url}/subjects/s", body(INT))) == 40403
    assert call("POST", f"{url}/subjects/s?deleted=true", body(INT))[1]["version"] == 1
    assert call("DELETE", f"{url}/subjects/s/versions/1?permanent=true") == (200, 1)
    assert code(call("GET", f"{url}/schemas/ids/1")) == 40403
    assert call("DELETE", f"{url}/subjects/s/versions/latest") == (200, 2)
    assert call("GET", f"{url}/subjects") == (200, [])
    assert code(call("GET", f"{url}/subjects/s/versions/latest")) == 40401
    assert store.again().subjects(deleted=True) == ["s"]


def test_a_subject_is_deleted_softly_then_permanently_and_its_ids_are_never_given_again(url, store):
    for schema in (INT, LONG):
        register(url, "s", schema)
    call("PUT", f"{url}/config/s", {"compatibility": "NONE"})
    assert code(call("DELETE", f"{url}/subjects/s?permanent=true")) == 40405
    assert call("DELETE", f"{url}/subjects/s") == (200, [1, 2])
    assert code(call("DELETE", f"{url}/subjects/s")) == 40404
    assert call("GET", f"{url}/subjects") == (200, [])
    assert call("GET", f"{url}/subjects?deleted=True") == (200, ["s"])
    assert call("GET", f"{url}/subjects?deletedOnly=true") == (200, ["s"])
    assert code(call("GET", f"{url}/config/s")) == 40408
    assert register(url, "s", LONG) == (200, {"id": 2})
    assert call("GET", f"{url}/subjects/s/versions") == (200, [3])
    assert call("DELETE", f"{url}/subjects/s") == (200, [3])
    assert call("DELETE", f"{url}/subjects/s?permanent=true") == (200, [1, 2, 3])
    assert code(call("GET", f"{url}/schemas/ids/2")) == 40403
    assert store.again(compacted=True).highest_id == 2
    assert register(url, "s", LONG) == (200, {"id": 3})
    assert call("GET", f"{url}/subjects/s/versions") == (200, [1])


def test_records_that_are_of_no_known_form_are_passed_over(store, caplog):
    good = schema_record("s", 1, 5, json.dumps(INT))
    strange = [
        RegistryRecord(b"", None),
        RegistryRecord(b"{", b"{}"),
        RegistryRecord(b"[]", b"{}"),
        RegistryRecord(b"{}", b"{}"),
        RegistryRecord(b'{"keytype":"CONTEXT","tenant":"t","context":".","magic":0}', b"{}"),
        RegistryRecord(b'{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}', b'{"subject":"s"}'),
        RegistryRecord(
            b'{"keytype":"SCHEMA","subject":"p","version":1,"magic":1}',
            b'{"id":9,"schema":"syntax","schemaType":"PROTOBUF"}',
        ),
        RegistryRecord(b'{"keytype":"SCHEMA","subject":"j","version":"x","magic":1}', b'{"id":1,"schema":"{}"}'),
        RegistryRecord(b'{"keytype":"NOOP","magic":0}', None),
        RegistryRecord(b'{"keytype":"DELETE_SUBJECT","subject":"s","magic":0}', None),
    ]
    store.state.apply([good, *strange])
    assert [one.id for one in store.state.live("s")] == [5]
    assert store.state.subjects(deleted=True) == ["s"]
    assert "passed over" in caplog.text


def test_records_of_confluents_registry_are_understood(store):
    """Written by Confluent's and Karapace's registries: other orders, null subjects, more properties."""
    store.state.apply(
        [
            RegistryRecord(b'{"keytype":"CONFIG","subject":null,"magic":0}', b'{"compatibilityLevel":"FULL"}'),
            RegistryRecord(
                b'{"magic":1,"version":3,"subject":"s","keytype":"SCHEMA"}',
                b'{"subject":"s","version":3,"id":77,"md5":"x","schema":"\\"string\\"","deleted":false,"ts":1}',
            ),
            RegistryRecord(b'{"keytype":"MODE","subject":"s","magic":0}', b'{"mode":"READONLY"}'),
        ]
    )
    assert store.state.level("s") == "FULL"
    assert store.state.mode("s") == "READONLY"
    assert store.state.version("s", None).id == 77


SCHEMAS = [json.dumps(one, separators=(",", ":")) for one in (INT, LONG, TEXT, record(("b", "int")))]


class RegistryMachine(RuleBasedStateMachine):
    """Whatever is asked in whatever order: ids stay unique, and the log tells all."""

    def __init__(self):
        super().__init__()
        self.store = MemoryStore()
        self.given = {}

    def _write(self, decide):
        try:
            return self.store.write(decide)
        except RegistryError:
            return None

    @rule(subject=st.sampled_from("st"), schema=st.sampled_from(SCHEMAS))
    def register(self, subject, schema):
        given = self._write(lambda state: requests.register(state, subject, schema, {}))
        if given is not None:
            assert self.given.setdefault(given, schema) == schema

    @rule(subject=st.sampled_from("st"), number=st.none() | st.integers(1, 4), permanent=st.booleans())
    def delete_version(self, subject, number, permanent):
        self._write(lambda state: requests.delete_version(state, subject, number, permanent=permanent))

    @rule(subject=st.sampled_from("st"), permanent=st.booleans())
    def delete_subject(self, subject, permanent):
        self._write(lambda state: requests.delete_subject(state, subject, permanent=permanent))

    @rule(subject=st.sampled_from(["s", "t", None]), level=st.sampled_from(["NONE", "FULL", "BACKWARD"]))
    def set_level(self, subject, level):
        self._write(lambda _state: requests.set_level(subject, {"compatibility": level}))

    @invariant()
    def the_log_tells_all(self):
        state = self.store.state
        for other in (self.store.again(), self.store.again(compacted=True)):
            assert other.highest_id == state.highest_id
            assert other.levels == state.levels
            assert other.subjects(deleted=True) == state.subjects(deleted=True)
            for subject in state.subjects(deleted=True):
                assert other.versions(subject) == state.versions(subject)
            assert set(other.ids) == set(state.ids)
            assert [other.id_of(schema) for schema in SCHEMAS] == [state.id_of(schema) for schema in SCHEMAS]


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
