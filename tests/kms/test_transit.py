"""The transit engine of Vault and OpenBao through hvac, against a double: every answer becomes one of ours."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transit_server import TOKEN, TransitServer

from penstock.ops.kms.patient import PatientKms
from penstock.ops.kms.transit import TransitKms, transit_client
from penstock.schemas.errors import KeyUnavailableError, UnavailableError

KEY, PLACE = bytes(range(32)), b"store key 1 of ee-tax"


@pytest.fixture(scope="module")
def running():
    with TransitServer() as server:
        yield server


@pytest.fixture
def server(running):
    running.sealed = running.limited = running.broken = running.garbled = False
    running.make("kek")
    return running


def kms_of(server, token=TOKEN, key="kek", mount="transit"):
    return TransitKms(transit_client(server.url, token, namespace=None, verify=True, cert=None), key, mount, "the KMS")


@pytest.fixture
def kms(server):
    return kms_of(server)


def test_wraps_and_unwraps_in_its_context_only(kms):
    wrapped = kms.wrap(KEY, PLACE)
    assert wrapped.startswith(b"vault:v1:")
    assert kms.unwrap(wrapped, PLACE) == KEY
    with pytest.raises(KeyUnavailableError, match="another place") as caught:
        kms.unwrap(wrapped, b"store key 2 of ee-tax")
    assert "restore" in caught.value.remedy


def test_a_new_version_wraps_and_the_old_one_still_opens_until_it_is_disallowed(server, kms):
    old = kms.wrap(KEY, PLACE)
    kms.rotate()
    new = kms.wrap(KEY, PLACE)
    assert new.startswith(b"vault:v2:")
    assert kms.unwrap(old, PLACE) == kms.unwrap(new, PLACE) == KEY
    server.least["kek"] = 2
    assert kms.unwrap(new, PLACE) == KEY
    with pytest.raises(KeyUnavailableError, match="no longer allowed") as caught:
        kms.unwrap(old, PLACE)
    assert "min_decryption_version" in caught.value.remedy


AWAY = {"sealed": "sealed", "limited": "too many requests", "broken": "failed", "garbled": "does not answer|none of"}


@pytest.mark.parametrize("fault", AWAY)
def test_a_server_that_cannot_now_is_unavailable(server, kms, fault):
    wrapped = kms.wrap(KEY, PLACE)
    setattr(server, fault, True)
    asks = [lambda: kms.wrap(KEY, PLACE), lambda: kms.unwrap(wrapped, PLACE)]
    for ask in asks if fault == "garbled" else [*asks, kms.rotate]:  # nothing is read from the answer to a rotation
        with pytest.raises(UnavailableError, match=AWAY[fault]) as caught:
            ask()
        assert caught.value.remedy
        assert caught.value.place == "the KMS"
    assert "the KMS" in kms.health()
    setattr(server, fault, False)
    assert kms.unwrap(wrapped, PLACE) == KEY
    assert kms.health() is None


@pytest.mark.parametrize(("changes", "message"), [
    ({"token": "s.other"}, "refuses the token"),
    ({"key": "deleted"}, "no such key"),
    ({"mount": "elsewhere"}, "no such key or engine"),
])  # fmt: skip
def test_a_refusal_is_no_outage(server, kms, changes, message):
    wrapped = kms.wrap(KEY, PLACE)
    other = kms_of(server, **changes)
    for ask in (lambda: other.wrap(KEY, PLACE), lambda: other.unwrap(wrapped, PLACE)):
        with pytest.raises(KeyUnavailableError, match=message) as caught:
            ask()
        assert caught.value.remedy
        assert "s.other" not in str(caught.value)
    assert other.health()


def test_a_key_of_another_type_is_not_well(server):
    server.make("rsa", "rsa-2048")
    assert "rsa-2048" in kms_of(server, key="rsa").health()


def test_nobody_there_is_unavailable():
    gone = TransitServer()
    gone.start()
    gone.stop()
    with pytest.raises(UnavailableError, match="does not answer"):
        kms_of(gone).wrap(KEY, PLACE)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_spoilt_text_never_opens(running, data):
    running.make("kek")
    kms = kms_of(running)
    wrapped = bytearray(kms.wrap(KEY, PLACE))
    at = data.draw(st.integers(0, 8 * len(wrapped) - 1))
    cut = data.draw(st.integers(0, len(wrapped) - 1) | st.none())
    wrapped[at // 8] ^= 1 << at % 8
    spoilt = bytes(wrapped)[:cut]
    with pytest.raises((KeyUnavailableError, UnavailableError)):
        kms.unwrap(spoilt, PLACE)


def test_it_is_asked_again_within_its_deadline_and_not_after_a_refusal(server, kms):
    failures = []

    class Failing(TransitKms):
        def _ask(self, operation, **said):
            if len(failures) < 2:
                failures.append(operation)
                raise UnavailableError("not now")
            return super()._ask(operation, **said)

    failing = Failing(kms._client, "kek", "transit", "the KMS")
    assert PatientKms(failing).unwrap(kms.wrap(KEY, PLACE), PLACE) == KEY
    assert failures == ["decrypt_data"] * 2
    failures.clear()
    with pytest.raises(UnavailableError, match="not now"):
        PatientKms(failing, deadline_s=0.05).wrap(KEY, PLACE)
    assert failures == ["encrypt_data"]
    server.paths.clear()
    with pytest.raises(KeyUnavailableError):
        PatientKms(kms_of(server, token="s.other")).wrap(KEY, PLACE)
    assert len(server.paths) == 1
