"""The connection to an MQTT broker: the one file that knows paho.

A persistent session under a stable client id, so that the broker keeps what comes while we are away. After the first
connection paho connects again by itself, for ever.
"""

import errno
import logging
import select
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ...schemas.errors import ConfigurationError, PenstockError, UnavailableError
from .options import MqttOptions

log = logging.getLogger(__name__)
MOST_WAIT_S = 10
ONLY_IN_A_NEW_SESSION = 1  # retain handling
_LOGIN = frozenset(("Bad user name or password", "Not authorized", "Bad authentication method"))


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to the broker; empty: nobody."""

    username: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Ears:
    """What the line tells, on its own thread: the connection, and messages.

    `connected` hears whether the session is the old one, `lost` why there is no connection, also each time that it
    could not be made again; nothing where it heard that before.
    """

    connected: Callable[[bool], None]
    lost: Callable[[str], None]
    message: Callable[[MQTTMessage], None]


class Line:
    """One client of the broker. `open` connects, `close` leaves; the session stays at the broker."""

    def __init__(self, place: str, options: MqttOptions, login: Login, root: Path, ears: Ears) -> None:
        """Raises ConfigurationError for certificate files that cannot be used."""
        self._place = place
        self._options = options
        self._ears = ears
        self._client = _client(options, login, root, place)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_socket_open = self._on_socket_open
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._up = False
        self._answer = threading.Event()
        self._ready = threading.Event()
        self._fault: PenstockError | None = None
        self._deaf: PenstockError | None = None

    def open(self, filters: Sequence[str]) -> None:
        """Connect and subscribe, and return when that is answered. The caller closes a line that did not open.

        A session that is still there has its subscriptions, so nothing waits for an answer behind what it holds.
        Raises ConfigurationError when the broker refuses us or cannot be believed, UnavailableError when nobody
        answers within `connect_seconds`.
        """
        self._filters = filters
        host, port = self._options.address
        own: dict[str, Any] = {}
        if self._options.protocol == "5":
            own = {"clean_start": False, "properties": self._connect_properties()}
        self._client.connect_async(host, port, self._options.keepalive_seconds, **own)
        self._client.loop_start()
        self._answer.wait(self._options.connect_seconds)
        if not self._ready.is_set():
            raise self._fault or self._unavailable("the MQTT broker does not answer")

    def acknowledge(self, packet: int) -> None:
        """Acknowledge a QoS 1 message of this connection."""
        self._client.ack(packet, 1)

    def check(self) -> None:
        """Raise what ended the line for good, if anything did."""
        if self._client.ended:
            raise self._unavailable("the MQTT client ended")
        if self._deaf is not None:
            raise self._deaf

    def close(self) -> None:
        """Send what is to be sent, and leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connect_properties(self) -> Any:
        make: Any = Properties  # paho leaves its signature untyped
        properties = make(PacketTypes.CONNECT)
        properties.ReceiveMaximum = self._options.in_flight
        properties.SessionExpiryInterval = min(self._options.session_seconds, 2**32 - 1)
        return properties

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, __: Any) -> None:
        if reason.is_failure:
            self._refused(str(reason))
            return
        self._up = True
        self._ears.connected(bool(flags.session_present))
        if flags.session_present:
            self._opened()
        if self._options.protocol == "5":
            wanted = SubscribeOptions(qos=1, retainHandling=ONLY_IN_A_NEW_SESSION)
            client.subscribe([(one, wanted) for one in self._filters])
        else:
            client.subscribe([(one, 1) for one in self._filters])

    def _refused(self, reason: str) -> None:
        if reason in _LOGIN:
            message = "the MQTT broker refuses this user or password"
            self._away(self._wrong(message, "check username_env and password_env, and the broker's access list"))
        else:
            self._away(self._unavailable(f"the MQTT broker refuses the connection: {reason}"))

    def _on_subscribe(self, _: Client, __: Any, ___: int, reasons: Sequence[ReasonCode], ____: Any) -> None:
        refused = [number for number, reason in enumerate(reasons, 1) if reason.is_failure]
        if refused:
            which = ", ".join(map(str, refused))
            message = f"the MQTT broker refuses the subscription number {which} of {len(reasons)}"
            self._deaf = self._wrong(message, "let this user read it, or change topics or subscribe")
            self._told(self._deaf)
            return
        self._opened()

    def _opened(self) -> None:
        if not self._ready.is_set():
            log.info("%s: connected to %s:%d", self._place, *self._options.address)
        self._ready.set()
        self._answer.set()

    def _on_socket_open(self, client: Client, _: Any, opened: Any) -> None:
        """Let the attempt fail where paho could not watch its sockets: it would begin anew for ever, without a word.

        It watches them with `select`, which knows a process's first 1,024 descriptors only.
        """
        watched = [one for one in (opened, client._sockpairR) if one is not None]  # noqa: SLF001 - what wakes it
        try:
            select.select(watched, [], [], 0)
        except ValueError:
            raise OSError(errno.EMFILE, "too many files are open") from None

    def _on_connect_fail(self, *_: Any) -> None:
        self._away(self._failed(sys.exc_info()[1]))

    def _away(self, fault: PenstockError) -> None:
        self._told(fault)
        self._ears.lost(str(fault))

    def _failed(self, error: BaseException | None) -> PenstockError:
        if isinstance(error, ssl.SSLCertVerificationError):
            message = f"the MQTT broker's certificate is not believed: {error.verify_message}"
            return self._wrong(message, "set ca_file to the broker's authority, and host to the name it certifies")
        if isinstance(error, ssl.SSLError):
            return self._wrong("the MQTT broker does not speak TLS here", "check port, tls and ca_file")
        if isinstance(error, socket.gaierror):
            return self._unavailable("the MQTT broker's host name is not known")
        if isinstance(error, OSError) and error.errno == errno.EMFILE:
            return self._crowded()
        why = error.strerror if isinstance(error, OSError) and error.strerror else "nobody answers"
        return self._unavailable(f"the MQTT broker cannot be reached: {why}")

    def _told(self, fault: PenstockError) -> None:
        """Note what went wrong: for `open`, or, later, a line in the log each time that it is something else."""
        if self._fault is None or self._fault.message != fault.message:
            log.warning("%s", fault)
        self._fault = fault
        self._answer.set()

    def _on_disconnect(self, _: Client, __: Any, ___: DisconnectFlags, reason: ReasonCode, ____: Any) -> None:
        self._ears.lost(f"{self._where()}: the MQTT connection is lost ({reason})" if self._up else "")
        self._up = False
        if reason.is_failure and self._ready.is_set():
            remedy = "give each source a client_id of its own: " if str(reason) == "Session taken over" else ""
            log.warning("%s: the MQTT connection is lost (%s); %sconnecting again", self._place, reason, remedy)

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        self._ears.message(message)

    def _unavailable(self, message: str) -> UnavailableError:
        return UnavailableError(message, place=self._where(), remedy="start it, or correct host and port")

    def _crowded(self) -> UnavailableError:
        message = "this process has too many files open for a connection to the MQTT broker"
        remedy = "start the role again; what it has open stands in /proc/PID/fd, and 1,000 is more than it ever needs"
        return UnavailableError(message, place=self._where(), remedy=remedy)

    def _wrong(self, message: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(message, place=self._where(), remedy=remedy)

    def _where(self) -> str:
        host, port = self._options.address
        return f"{self._place} ({host}:{port})"


class _Client(Client):
    """paho's client, which also says that its thread ended: an exception in there would end it without a word."""

    ended = False

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> Any:  # noqa: FBT001, FBT002 - paho's signature
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as error:  # noqa: BLE001 - told by `check`, without the message: it may quote what came
            log.error("the MQTT client ended: %s", type(error).__name__)  # noqa: TRY400 - as above
        finally:
            self.ended = True


def _client(options: MqttOptions, login: Login, root: Path, place: str) -> _Client:
    own: dict[str, Any] = {"protocol": MQTTv5} if options.protocol == "5" else {"protocol": MQTTv311}
    if options.protocol != "5":
        own["clean_session"] = False
    client = _Client(CallbackAPIVersion.VERSION2, options.client_id, manual_ack=True, **own)
    client.reconnect_delay_set(1, MOST_WAIT_S)
    if login.username:
        client.username_pw_set(login.username, login.password or None)
        if not options.secure:
            log.warning("%s: the MQTT password travels in clear: set tls or ca_file", place)
    if options.secure:
        client.tls_set_context(_context(options, root, place))
    return client


def _context(options: MqttOptions, root: Path, place: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(root / options.ca_file) if options.ca_file else None)
        if options.cert_file:
            context.load_cert_chain(root / options.cert_file, root / options.key_file)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or type(error).__name__
        raise ConfigurationError(
            f"a certificate file of the MQTT source cannot be used: {why}",
            place=place,
            remedy="ca_file, cert_file and key_file are PEM files, from the ecosystem's directory on",
        ) from None
    return context
