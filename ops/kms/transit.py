"""A KEK in the transit engine of HashiCorp Vault or OpenBao. Not verified on a real server: see docs/keys.md."""

import base64
from collections.abc import Callable
from typing import Any

from ...schemas.encrypted import framed
from ...schemas.errors import ConfigurationError, KeyUnavailableError, PenstockError, UnavailableError

TIMEOUT_S = 2.0
"""For one question: to be connected, and again for each pause in the answer."""
PREFIX = b"vault:v"
TYPE = "aes256-gcm96"


class TransitKms:
    """Wraps by `encrypt` and unwraps by `decrypt`, with the context as associated data.

    The server's `rewrap` takes no associated data, so a store key is rewrapped by unwrapping and wrapping.
    """

    def __init__(self, client: Any, key: str, mount: str, place: str) -> None:
        self._client = client
        self._key = key
        self._mount = mount
        self._place = place

    def wrap(self, key: bytes, context: bytes) -> bytes:
        said = self._ask("encrypt_data", plaintext=_text(key), associated_data=_bound(context))
        wrapped = self._of(said, "ciphertext").encode()
        if not wrapped.startswith(PREFIX):
            raise self._strange()
        return wrapped

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the key. Raises KeyUnavailableError when the server refuses, or `wrapped` is none of its texts."""
        if not wrapped.startswith(PREFIX) or not wrapped.isascii():
            raise KeyUnavailableError(
                "a store key was not wrapped by this KMS, or is damaged",
                place=self._place,
                remedy="restore the store from one backup; was `kms` of ecosystem.yaml changed?",
            )
        said = self._ask("decrypt_data", ciphertext=wrapped.decode(), associated_data=_bound(context))
        try:
            return base64.b64decode(self._of(said, "plaintext"), validate=True)
        except ValueError:
            raise self._strange() from None

    def rotate(self) -> None:
        self._ask("rotate_key")

    def health(self) -> str | None:
        """Say what is wrong with the server, the token or the key; to ask takes no key."""
        try:
            status = self._called(self._client.sys.read_seal_status)
            if self._read(status, "sealed") is not False:
                return f"{self._place} is sealed"
            found = self._of(self._ask("read_key"), "type")
        except PenstockError as failure:
            return f"{self._place}: {failure.message}"
        return None if found == TYPE else f"{self._place}: the key is of type {found}, not {TYPE}"

    def _ask(self, operation: str, **said: str) -> Any:
        transit = self._client.secrets.transit
        return self._called(lambda: getattr(transit, operation)(name=self._key, mount_point=self._mount, **said))

    def _called(self, ask: Callable[[], Any]) -> Any:
        """Return the answer. What the library or the server says in words is not passed on: it may quote anything."""
        from hvac import exceptions  # type: ignore[import-untyped]
        from requests import RequestException

        try:
            return ask()
        except (exceptions.VaultDown, exceptions.VaultNotInitialized):
            raise self._away("it is sealed, or stands by", "unseal it") from None
        except exceptions.RateLimitExceeded:
            raise self._away("it has too many requests", "raise its rate limit for Penstock's roles") from None
        except (exceptions.InternalServerError, exceptions.BadGateway, exceptions.UnexpectedError):
            raise self._away("it failed", "see its own log") from None
        except (exceptions.Forbidden, exceptions.Unauthorized):
            raise self._refused("it refuses the token", "renew it; its policy allows encrypt and decrypt") from None
        except exceptions.InvalidPath:
            raise self._refused("there is no such key or engine", "restore the key: nothing else opens it") from None
        except exceptions.InvalidRequest as refusal:
            raise self._refused(*_in_our_words(refusal)) from None
        except exceptions.VaultError as refusal:
            raise self._refused(f"it refuses ({type(refusal).__name__})", "see its audit log") from None
        except RequestException as failure:
            raise self._away(f"it does not answer ({type(failure).__name__})", "is it up, is the way free?") from None

    def _of(self, said: Any, name: str) -> str:
        found = self._read(self._read(said, "data"), name)
        if not isinstance(found, str):
            raise self._strange()
        return found

    def _read(self, said: Any, name: str) -> Any:
        if not isinstance(said, dict) or name not in said:
            raise self._strange()
        return said[name]

    def _strange(self) -> PenstockError:
        return self._away("its answer is none of a transit engine", "is that the URL of Vault or OpenBao?")

    def _away(self, message: str, remedy: str) -> UnavailableError:
        return UnavailableError(message, place=self._place, remedy=remedy)

    def _refused(self, message: str, remedy: str) -> KeyUnavailableError:
        return KeyUnavailableError(message, place=self._place, remedy=remedy)


def transit_client(
    url: str, token: str, *, namespace: str | None, verify: str | bool, cert: tuple[str, str] | None
) -> Any:
    """Return a client that asks nobody but the server named. Raises ConfigurationError without `penstock[vault]`."""
    try:
        from hvac import Client
    except ImportError:
        raise ConfigurationError("Vault's client is not installed", remedy="pip install 'penstock[vault]'") from None
    return Client(
        url=url,
        token=token,
        cert=cert,
        verify=verify,
        timeout=TIMEOUT_S,
        namespace=namespace,
        allow_redirects=False,
    )


def _in_our_words(refusal: Exception) -> tuple[str, str]:
    """Return message and remedy of a refused request, by the words that the engine is known to use."""
    said = str(getattr(refusal, "errors", "")) + str(refusal)
    if "too old" in said:
        return "the KEK's version is no longer allowed to decrypt", "lower min_decryption_version, then rewrap"
    if "not found" in said:
        return "there is no such key", "restore the key: nothing else opens what it wrapped"
    return (
        "the KEK does not open it: damaged, or wrapped by another key or for another place",
        "restore the store from one backup",
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bound(context: bytes) -> str:
    return _text(framed((b"penstock kek 1", context)))
