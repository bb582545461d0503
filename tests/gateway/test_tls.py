"""The gateway over TLS: whom its clients believe, and client certificates in place of tokens."""

from typing import cast

import pytest
from certificates import Authority
from starlette.applications import Starlette

from penstock.ops.key_client import GatewayClient
from penstock.ops.roles.serving import serving
from penstock.schemas.ecosystem import Gateway
from penstock.schemas.errors import ConfigurationError, RefusedError, UnavailableError
from penstock.schemas.ports import AsgiApp, Listen
from penstock.streams.registry_client import RegistryClient

HANDLE = bytes(8)


class Tls:
    """A gateway over TLS, and certificates of its own and of a foreign authority."""

    def __init__(self, world, folder):
        (folder / "own").mkdir()
        (folder / "foreign").mkdir()
        self.world = world
        self.own, self.foreign = Authority(folder / "own", "ca"), Authority(folder / "foreign", "ca")
        self.ca, self.wrong_ca = str(self.own.certificate), str(self.foreign.certificate)
        certificate = self.shown("gateway")
        listen = Listen("127.0.0.1", 0, *certificate, self.ca)
        app = cast("AsgiApp", Starlette(routes=world.guarded()))
        self.serving = serving(app, listen, folder / "port")

    def shown(self, name, authority=None):
        """Files of a certificate with that name, and its key in clear."""
        *_, both = (authority or self.own).issue(name)
        return str(both), str(both)


@pytest.fixture(scope="module")
def tls(world, tmp_path_factory):
    made = Tls(world, tmp_path_factory.mktemp("tls"))
    with made.serving as served:
        made.url = served.url
        yield made


def client(tls, token="", certificate=None, ca=None):
    return GatewayClient(tls.url, token, ca_file=ca or tls.ca, certificate=certificate)


def test_a_token_opens_over_tls(tls, world):
    assert tls.url.startswith("https://")
    token = world.tokens.issue("fi")
    assert client(tls, token).agreement("ee-fi")["topic"] == "view.ee-fi"
    schema_id = world.ids["view.ee-fi-value"]
    assert RegistryClient(tls.url, token=token, ca_file=tls.ca).schema(schema_id)["name"].startswith("R")


def test_a_gateway_of_an_authority_that_we_do_not_trust_is_refused(tls, world):
    token = world.tokens.issue("fi")
    for ca in (tls.wrong_ca, None):
        asking = GatewayClient(tls.url, token, ca_file=ca)
        with pytest.raises(RefusedError, match="no authority that we trust"):
            asking.agreement("ee-fi")
    with pytest.raises(UnavailableError):
        RegistryClient(tls.url, token=token, ca_file=tls.wrong_ca).schema(1)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        GatewayClient(tls.url, token, ca_file="/no/such/file")
    named_otherwise = GatewayClient(tls.url.replace("127.0.0.1", "localhost"), token, ca_file=tls.ca)
    with pytest.raises(RefusedError, match="of another name"):
        named_otherwise.agreement("ee-fi")


def test_plain_http_gets_no_answer_from_it(tls, world):
    with pytest.raises(UnavailableError):
        GatewayClient(tls.url.replace("https", "http"), world.tokens.issue("fi")).agreement("ee-fi")


def test_a_members_certificate_stands_in_for_its_token(tls, world):
    shown = tls.shown("fi")
    world.heard.taken()
    assert client(tls, certificate=shown).agreement("ee-fi")["topic"] == "view.ee-fi"
    assert set(client(tls, certificate=shown).keys("ee-fi", [HANDLE])) == {HANDLE}
    registry = RegistryClient(tls.url, ca_file=tls.ca, certificate=shown)
    assert registry.schema(world.ids["view.ee-fi-value"]) is not None
    assert world.heard.taken() == []
    with pytest.raises(RefusedError):
        client(tls, certificate=shown).agreement("ee-se")
    assert registry.schema(world.ids["view.ee-se-value"]) is None
    with pytest.raises(RefusedError):
        registry.register("view.ee-fi-value", {"type": "record", "name": "X", "fields": []})
    assert world.heard.taken() == [
        ("keys", "fi", "authorization"),
        ("registry", "fi", "authorization"),
        ("registry", "fi", "scope"),
    ]


def test_a_certificate_of_another_member_is_refused_beside_a_token(tls, world):
    token = world.tokens.issue("fi")
    assert client(tls, token, tls.shown("fi")).agreement("ee-fi")["agreement"] == "ee-fi"
    world.heard.taken()
    with pytest.raises(RefusedError, match="another member's"):
        client(tls, token, tls.shown("se")).agreement("ee-fi")
    assert world.heard.taken() == [("keys", "fi", "certificate")]


@pytest.mark.parametrize("name", ["se", "nobody", "FI", "fi.x"])
def test_a_certificate_opens_nothing_of_others(tls, world, name):
    world.heard.taken()
    with pytest.raises(RefusedError):
        client(tls, certificate=tls.shown(name)).agreement("ee-fi")
    assert world.heard.taken() == [("keys", name if name == "se" else None, "authorization")]


def test_a_certificate_of_another_authority_does_not_get_past_the_handshake(tls):
    with pytest.raises(UnavailableError):
        client(tls, certificate=tls.shown("fi", tls.foreign)).agreement("ee-fi")
    with pytest.raises(RefusedError, match="the token is not valid"):
        client(tls).agreement("ee-fi")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"listen": "0.0.0.0:8443", "url": "https://gateway.example:8443"}, "needs certificate_file"),
        ({"listen": "gateway.example:8443"}, "needs certificate_file"),
        ({"listen": "[::]:8443", "url": "https://gateway.example"}, "needs certificate_file"),
        ({"certificate_file": "a.pem"}, "go together"),
        ({"client_ca_file": "a.pem"}, "client_ca_file needs"),
        ({"listen": "0.0.0.0:8443", "certificate_file": "a.pem", "key_file": "a.key"}, "needs `url`"),
        ({"listen": "8443"}, "listen"),
        ({"url": "https://token@gateway.example"}, "url"),
    ],
)
def test_an_unfit_gateway_is_refused_in_the_documents(said, why):
    with pytest.raises(ValueError, match=why):
        Gateway.model_validate(said)


def test_where_a_gateway_listens_is_read_from_the_documents():
    files = {"certificate_file": "a.pem", "key_file": "a.key"}
    for listen, host, port in (
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("localhost:8081", "localhost", 8081),
        ("[::1]:1", "::1", 1),
    ):
        said = Gateway.model_validate({"listen": listen})
        assert (said.host, said.port) == (host, port)
    said = Gateway.model_validate({"listen": "0.0.0.0:8443", "url": "https://gateway:8443", **files})
    assert (said.host, said.port, said.url) == ("0.0.0.0", 8443, "https://gateway:8443")  # noqa: S104 - read, not bound
    assert Gateway().host == "127.0.0.1"
