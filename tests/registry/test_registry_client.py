import contextlib
import json
import socket
import threading
import time

import pytest
from http_serving import serving
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from penstock.schemas.errors import ConfigurationError, DocumentError, RefusedError, UnavailableError
from penstock.streams.registry_client import RegistryClient

SCHEMA = {"type": "record", "name": "R", "fields": []}
SECRET = "hunter2"


@contextlib.contextmanager
def answering(respond):
    """A registry that answers everything with what `respond` says, and remembers what it was asked."""
    asked = []

    async def answer(request):
        asked.append((request.method, request.url.path, dict(request.headers), await request.body()))
        return respond(request)

    with serving([Route("/{path:path}", answer, methods=["GET", "POST", "PUT"])]) as url:
        yield url, asked


def test_a_schema_is_asked_for_once_and_kept_for_ever():
    with answering(lambda _: JSONResponse({"schema": json.dumps(SCHEMA)})) as (url, asked):
        client = RegistryClient(url + "/")
        assert client.schema(7) == client.schema(7) == SCHEMA
        assert [one[:2] for one in asked] == [("GET", "/schemas/ids/7")]


def test_an_id_that_the_registry_does_not_know_is_none_and_asked_for_again():
    unknown = JSONResponse({"error_code": 40403, "message": "Schema not found"}, 404)
    with answering(lambda _: unknown) as (url, asked):
        client = RegistryClient(url)
        assert client.schema(7) is None
        assert client.schema(7) is None
        assert len(asked) == 2


def test_a_404_of_something_else_is_no_answer_about_the_schema():
    """A wrong path or a proxy must not make a worker believe that a schema does not exist."""
    with answering(lambda _: Response("no such page", 404)) as (url, _), pytest.raises(UnavailableError, match="404"):
        RegistryClient(url).schema(7)


@pytest.mark.parametrize(
    "answer",
    [{"schema": '"string"'}, {"schema": "syntax", "schemaType": "PROTOBUF"}, {"schema": "{"}, {"schema": None}, {}],
)
def test_a_schema_that_is_no_avro_object_is_none(answer):
    """A stranger may write such an id into a provider topic: the partition must go on, past that record."""
    with answering(lambda _: JSONResponse(answer)) as (url, _):
        assert RegistryClient(url).schema(1) is None


def test_registering_sends_the_schema_and_returns_the_id():
    with answering(lambda _: JSONResponse({"id": 5})) as (url, asked):
        assert RegistryClient(url).register("a/b c", SCHEMA) == 5
        method, path, _, body = asked[0]
        assert (method, path) == ("POST", "/subjects/a/b c/versions")
        assert json.loads(json.loads(body)["schema"]) == SCHEMA


def test_setting_compatibility():
    with answering(lambda _: JSONResponse({"compatibility": "NONE"})) as (url, asked):
        RegistryClient(url).set_compatibility("s", "NONE")
        assert asked[0][:2] == ("PUT", "/config/s")
        assert json.loads(asked[0][3]) == {"compatibility": "NONE"}


def test_credentials_go_with_requests_and_into_no_message():
    with answering(lambda _: JSONResponse({"error_code": 401, "message": SECRET}, 401)) as (url, asked):
        for client in (RegistryClient(url, basic=("user", SECRET)), RegistryClient(url, token=SECRET)):
            with pytest.raises(RefusedError, match="401") as refused:
                client.schema(1)
            assert SECRET not in str(refused.value)
        assert asked[0][2]["authorization"].startswith("Basic ")
        assert asked[1][2]["authorization"] == f"Bearer {SECRET}"


def test_an_incompatible_schema_is_a_document_error_with_the_registrys_reason():
    refusal = JSONResponse({"error_code": 409, "message": "it lacks a default"}, 409)
    with answering(lambda _: refusal) as (url, _), pytest.raises(DocumentError, match="it lacks a default"):
        RegistryClient(url).register("s", SCHEMA)


@pytest.mark.parametrize(
    "response",
    [
        JSONResponse({"error_code": 50001, "message": "x"}, 500),
        Response("<html>", 502),
        Response("<html>", 200),
        JSONResponse([1], 200),
        RedirectResponse("http://127.0.0.1:9/elsewhere"),
    ],
)
def test_a_registry_that_answers_nonsense_is_unavailable(response):
    with answering(lambda _: response) as (url, _), pytest.raises(UnavailableError) as failure:
        RegistryClient(url).schema(1)
    assert failure.value.place == url
    assert failure.value.remedy


def test_an_unreachable_registry_is_unavailable():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(UnavailableError, match="connection refused") as failure:
        RegistryClient(url).schema(1)
    assert failure.value.place == url


def test_a_registry_that_hangs_is_unavailable_in_time():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="time-out"):
            RegistryClient(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.3).schema(1)
        assert time.monotonic() - started < 3


def test_a_registry_that_hangs_up_is_unavailable():
    with socket.socket() as rude:
        rude.bind(("127.0.0.1", 0))
        rude.listen()

        def hang_up():
            rude.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(UnavailableError):
            RegistryClient(f"http://127.0.0.1:{rude.getsockname()[1]}").schema(1)
        thread.join()


@pytest.mark.parametrize(
    "url", ["", "localhost:8081", "ftp://x", "file:///etc/passwd", "http://", f"http://u:{SECRET}@x"]
)
def test_an_address_that_is_none_is_refused_without_being_quoted(url):
    with pytest.raises(ConfigurationError) as refused:
        RegistryClient(url)
    assert SECRET not in str(refused.value)


def test_certificates_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="no such file"):
        RegistryClient("https://localhost:1", ca_file=str(tmp_path / "ca.pem"))
