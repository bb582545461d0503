"""HTTPS and client certificates: whose they are, and which the handshake refuses."""

import datetime as dt
import ssl

import pytest
from certificates import Authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from ecosystem import until
from http_role import Client
from http_stand import event

from penstock.ops.roles.serving import CERTIFICATE, MEMBER_URN, member_of_certificate, serving, tls_context
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.ports import Listen

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def secure(stand, ours):
    """A role that speaks TLS and believes our authority's client certificates."""
    both = str(ours.issue("server")[2])
    options = {"certificate_file": both, "key_file": both, "client_ca_file": str(ours.certificate)}
    with stand.role("secure", **options) as running:
        client = running.client(tls=shown(ours))
        until(lambda: client.ask("GET", "/v1/health").status == 200, "the source does not open")
        yield running


def shown(ours, pair=None):
    """A client's side of TLS that believes us, with a certificate or without."""
    context = ssl.create_default_context(cafile=ours.certificate)
    if pair:
        context.load_cert_chain(pair)
    return context


def test_a_certificate_of_the_provider_stands_in_for_a_token(stand, secure, ours):
    with_certificate = shown(ours, ours.issue("ee")[2])
    assert secure.url.startswith("https://")
    assert secure.client(token="", tls=with_certificate).post(event(800)).status == 202
    assert secure.client(tls=shown(ours)).post(event(801)).status == 202
    assert secure.client(token="", tls=shown(ours)).post(event(802)).status == 401
    assert stand.published().count("e800") == 1


def test_a_certificate_of_another_member_opens_nothing(secure, ours):
    foreign = shown(ours, ours.issue("fi")[2])
    assert secure.client(token="", tls=foreign).post(event(810)).status == 403
    assert secure.client(tls=foreign).post(event(811)).status == 403  # not even with the provider's token
    assert 'reason="certificate"' in secure.metrics()


def test_a_certificate_of_another_authority_does_not_get_past_the_handshake(secure, ours, tmp_path):
    other = Authority(tmp_path, "theirs")
    with pytest.raises(OSError, match=r"(?i)unknown ca|reset|alert|eof|closed|broken"):
        secure.client(token="", tls=shown(ours, other.issue("ee")[2])).post(event(820))
    with pytest.raises(ssl.SSLError):
        secure.client(tls=ssl.create_default_context()).post(event(821))
    assert secure.client(tls=shown(ours)).post(event(822)).status == 202


def revoke(authority, *pairs):
    """PEM of the authority and its list of revoked certificates."""
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority._name)
    builder = builder.last_update(now - dt.timedelta(hours=1)).next_update(now + dt.timedelta(days=1))
    for pair in pairs:
        serial = x509.load_pem_x509_certificate(pair.read_bytes()).serial_number
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(one)
    made = builder.sign(authority._key, hashes.SHA256())
    return authority.certificate.read_bytes() + made.public_bytes(serialization.Encoding.PEM)


def test_revoked_and_expired_certificates_do_not_get_past_the_handshake(tmp_path, ours, monkeypatch):
    good, revoked = ours.issue("good")[2], ours.issue("gone")[2]
    with monkeypatch.context() as patch:
        real = x509.CertificateBuilder.not_valid_after
        over = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
        patch.setattr(x509.CertificateBuilder, "not_valid_after", lambda self, _: real(self, over))
        expired = ours.issue("late")[2]
    believed, server = tmp_path / "ca.pem", str(ours.issue("another-server")[2])
    believed.write_bytes(revoke(ours, revoked))
    listen = Listen(certificate_file=server, key_file=server, client_ca_file=str(believed))

    async def app(scope, _, send):
        member = scope.get("extensions", {}).get(CERTIFICATE, "")
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(member))]}
        )
        await send({"type": "http.response.body", "body": member.encode()})

    with serving(app, listen, tmp_path / "port") as served:
        assert Client(served.url, tls=shown(ours, good)).ask("GET", "/").body == b"good"
        assert Client(served.url, tls=shown(ours)).ask("GET", "/").body == b""
        for pair in (revoked, expired):
            with pytest.raises(OSError, match=r"(?i)revoked|expired|reset|alert|eof|closed|broken"):
                Client(served.url, tls=shown(ours, pair)).ask("GET", "/")


def test_whose_a_certificate_is():
    name = ((("commonName", "ee"),),)
    assert member_of_certificate({"subject": name}) == "ee"
    assert member_of_certificate({"subject": name, "subjectAltName": (("URI", MEMBER_URN + "fi"),)}) == "fi"
    assert member_of_certificate({"subject": name, "subjectAltName": (("URI", "urn:x"), ("DNS", "fi"))}) == "ee"
    two = (("URI", MEMBER_URN + "fi"), ("URI", MEMBER_URN + "se"))
    assert member_of_certificate({"subject": name, "subjectAltName": two}) is None
    assert member_of_certificate({"subject": (*name, *name)}) is None
    assert member_of_certificate({}) is None


def test_files_that_tls_cannot_use_are_named(tmp_path, ours):
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    good = str(ours.issue("other")[2])
    for listen, place in (
        (Listen(certificate_file=str(bad), key_file=str(bad)), str(bad)),
        (Listen(certificate_file=str(tmp_path / "none"), key_file=good), str(tmp_path / "none")),
        (Listen(certificate_file=good, key_file=good, client_ca_file=str(bad)), str(bad)),
    ):
        with pytest.raises(ConfigurationError) as refused:
            tls_context(listen)
        assert refused.value.place == place
    assert tls_context(Listen()) is None
