"""Confluent's own Python client and serializers against our registry, its log in real Kafka."""

import json
import threading
import uuid

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext
from http_serving import call, serving

from penstock.ops.gateway.registry import Registry, registry_routes
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame, unframe
from penstock.schemas.errors import UnavailableError
from penstock.streams import tail
from penstock.streams.registry_client import RegistryClient
from penstock.streams.settings import Cluster
from penstock.streams.topics import ensure, own_topics

pytestmark = pytest.mark.broker

PERSON = {"type": "record", "name": "Person", "fields": [{"name": "code", "type": "string"}]}
PAYMENT = {
    "type": "record",
    "name": "Payment",
    "namespace": "ee.tax",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "cents", "type": "long"},
        {
            "name": "payer",
            "type": ["null", {"type": "record", "name": "Person", "fields": [{"name": "code", "type": "string"}]}],
        },
    ],
}
EVENT = {"id": "1", "cents": 5, "payer": {"code": "x"}}


@pytest.fixture(scope="module")
def cluster(kafka):
    made = Cluster(kafka.bootstrap)
    ensure(made, own_topics())
    return made


@pytest.fixture
def registry(cluster):
    made = Registry(cluster)
    yield made
    made.close()


@pytest.fixture
def url(registry):
    with serving(registry_routes(registry)) as address:
        yield address


@pytest.fixture
def client(url):
    made = SchemaRegistryClient({"url": url})
    yield made
    made._rest_client.session.close()


@pytest.fixture
def subject():
    return f"test.{uuid.uuid4().hex}"


def test_the_stock_serializer_registers_and_ours_reads_its_bytes(client, url, subject):
    """And the other way round: framing, ids and values are the same."""
    context = SerializationContext(subject, MessageField.VALUE)
    data = AvroSerializer(client, json.dumps(PAYMENT))(EVENT, context)
    schema_id, payload = unframe(data)
    ours = RegistryClient(url)
    assert ours.schema(schema_id) == PAYMENT
    assert ours.register(f"{subject}-value", PAYMENT) == schema_id
    assert Codec(ours.schema(schema_id)).decode(payload) == EVENT
    framed = frame(schema_id, Codec(PAYMENT).encode(EVENT))
    assert framed == data
    assert AvroDeserializer(client)(framed, context) == EVENT


def test_the_stock_client_does_what_it_offers(client, subject):
    schema = Schema(json.dumps(PAYMENT), "AVRO")
    schema_id = client.register_schema(subject, schema)
    assert client.get_schema(schema_id).schema_str
    assert client.lookup_schema(subject, schema).version == 1
    assert subject in client.get_subjects(subject_prefix=subject)
    assert client.get_versions(subject) == [1]
    assert client.get_latest_version(subject).schema_id == schema_id
    assert client.get_version(subject, 1).subject == subject
    assert client.get_subjects_by_schema_id(schema_id)
    assert [one.version for one in client.get_schema_versions(schema_id) if one.subject == subject] == [1]
    assert client.get_schema_types() == ["AVRO"]
    wider = {**PAYMENT, "fields": [*PAYMENT["fields"], {"name": "n", "type": "int"}]}
    assert client.test_compatibility(subject, Schema(json.dumps(wider), "AVRO")) is False
    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema(subject, Schema(json.dumps(wider), "AVRO"))
    assert (refused.value.http_status_code, refused.value.error_code) == (409, 409)
    client.set_compatibility(subject, "NONE")
    assert client.get_compatibility(subject) == "NONE"
    assert client.register_schema(subject, Schema(json.dumps(wider), "AVRO")) > schema_id
    assert client.get_config(subject).compatibility_level.value == "NONE"
    assert client.delete_config(subject).compatibility_level.value == "NONE"
    client.update_mode(subject, "READONLY")
    assert client.get_mode(subject) == "READONLY"
    client.delete_mode(subject)
    assert client.delete_version(subject, 1) == 1
    assert client.delete_version(subject, 1, permanent=True) == 1
    assert client.delete_subject(subject) == [2]
    assert client.delete_subject(subject, permanent=True) == [2]
    with pytest.raises(SchemaRegistryError) as gone:
        client.get_versions(subject)
    assert gone.value.error_code == 40401


def test_a_new_registry_on_the_same_topic_knows_all(cluster, registry, url, subject):
    schema_id = RegistryClient(url).register(subject, PAYMENT)
    RegistryClient(url).set_compatibility(subject, "NONE")
    again = Registry(cluster)
    try:
        assert again.read(lambda state: state.version(subject, None)).id == schema_id
        assert again.read(lambda state: state.level(subject)) == "NONE"
        assert again.read(lambda state: state.highest_id) == registry.read(lambda state: state.highest_id)
    finally:
        again.close()


def test_two_registries_over_one_topic_never_give_one_id_to_two_schemas(cluster, subject):
    """The writer is fenced: each takes the topic over from the other, and what it did not see it reads first."""
    registries = [Registry(cluster), Registry(cluster)]
    given = []

    def work(number, url):
        for index in range(5):
            schema = {"type": "record", "name": f"R{number}x{index}", "fields": [{"name": "a", "type": "int"}]}
            sent = {"schema": json.dumps(schema)}
            for _ in range(40):
                status, answer = call("POST", f"{url}/subjects/{subject}.{schema['name']}/versions", sent)
                if status == 200:
                    given.append((answer["id"], schema["name"]))
                    break
                assert answer["error_code"] == 50001

    with serving(registry_routes(registries[0])) as first, serving(registry_routes(registries[1])) as second:
        threads = [threading.Thread(target=work, args=pair) for pair in ((0, first), (1, second))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(given) == 10
        assert len({schema_id for schema_id, _ in given}) == 10
        for schema_id, name in given:
            for url in (first, second):
                assert RegistryClient(url).schema(schema_id)["name"] == name
    for registry in registries:
        registry.close()


def test_what_another_registry_registered_is_found_before_it_is_said_not_to_exist(cluster, url, subject):
    other = Registry(cluster)
    try:
        with serving(registry_routes(other)) as second:
            schema_id = RegistryClient(second).register(subject, {**PAYMENT, "name": "Fresh"})
        assert RegistryClient(url).schema(schema_id)["name"] == "Fresh"
    finally:
        other.close()


def test_a_registry_without_kafka_does_not_start(monkeypatch):
    monkeypatch.setattr(tail, "PATIENCE_S", 1.0)
    with pytest.raises(UnavailableError):
        Registry(Cluster("127.0.0.1:1"))
