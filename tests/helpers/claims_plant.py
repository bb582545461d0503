"""The claims ecosystem at work: real roles as processes on a cluster that it names, a registry beside it, an ear."""

import itertools
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from claims import Claim, claim, encoded, lines
from confluent_kafka import Message, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from ear import Ear
from registry_stand import RegistryStand

from penstock.ops.documents.load import load
from penstock.ops.documents.sign import keygen, sign
from penstock.ops.health import status
from penstock.ops.up import running
from penstock.ops.wiring import Wiring
from penstock.processors.keys import subject_reference
from penstock.processors.quarantine import open_quarantined, quarantine_scope
from penstock.schemas.confluent_wire import frame
from penstock.schemas.versioned import unpack
from penstock.streams.settings import Cluster
from penstock.streams.topics import CONTROL, DISCLOSURES, ensure, own_topics

BASE = Path(__file__).resolve().parents[1] / "bad_input" / "base"
DATASET = "benefit-claims"
TOPIC = "town.benefit-claims.v1"
QUARANTINE = f"quarantine.{DATASET}"
FILES, COUNTS, LARGE, PARTNERS = "claims-files", "claims-counts", "claims-large", "claims-partners"
EVERYBODY = frozenset((FILES, COUNTS, LARGE, PARTNERS))
EXCHANGE = f"exchange-{DATASET}-0"


def write_documents(root: Path, bootstrap: str, registry: str, keys: Path) -> None:
    """The documents of BASE for one cluster and registry, signed by everybody."""
    shutil.copytree(BASE, root)
    (root / "inbox" / "claims").mkdir(parents=True)
    page = root / "ecosystem.yaml"
    page.write_text(page.read_text().replace("@BOOTSTRAP@", bootstrap).replace("@REGISTRY@", registry))
    charter = root / "charter.yaml"
    text = charter.read_text()
    for member in load(root).charter.members:
        public = keygen(keys / member.id)
        text = text.replace(f"- id: {member.id}\n", f"- id: {member.id}\n    public_key: {public}\n")
    charter.write_text(text)
    for name, agreement in load(root).agreements.items():
        for member in (agreement.provider, agreement.recipient):
            sign(root, name, member, keys / member)


class Plant:
    """What the tests do to the running ecosystem, and what they hear of it."""

    def __init__(
        self, root: Path, bootstrap: str, registry: RegistryStand, client: SchemaRegistryClient, run: Any
    ) -> None:
        self.root = root
        self.bootstrap = bootstrap
        self.registry = registry
        self.said: list[str] = []
        self._run = run
        self._serials = itertools.count(1)
        self._files = itertools.count(1)
        self._wiring = Wiring(root)
        self._wiring.issue_missing_tokens(["audit", "statistics"])
        self.keys = self._wiring.key_store()
        held = run.put.applied.generation.contracts[DATASET]
        self.schema = held.contract.schema
        self.schema_id = next(iter(held.writers))
        self._decode = AvroDeserializer(client)
        self._producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 1_040_000, "linger.ms": 0})
        self.views = {one: f"view.{one}" for one in EVERYBODY}
        self._decoded: dict[str, list[dict[str, Any]]] = {topic: [] for topic in self.views.values()}
        self.ear = Ear(bootstrap, [*self.views.values(), QUARANTINE, DISCLOSURES, CONTROL])

    # What goes in

    def claim(self, **changes: Any) -> Claim:
        return claim(next(self._serials), **changes)

    def drop(self, content: bytes, suffix: str = "ndjson") -> str:
        """A file with `content`, renamed into the inbox; gives its name."""
        name = f"file-{next(self._files):03}.{suffix}"
        whole = self.inbox / f"{name}.part"
        whole.write_bytes(content)
        whole.rename(self.inbox / name)
        return name

    def produce(self, value: bytes | None, partition: int = 0) -> str:
        """A record put past the publisher onto the provider topic; gives its place there."""
        place: list[Message] = []
        self._producer.produce(
            TOPIC, value, key=b"somebody", partition=partition, on_delivery=lambda _, message: place.append(message)
        )
        assert self._producer.flush(10) == 0
        assert place[0].error() is None
        return f"{TOPIC}/{place[0].partition()}/{place[0].offset()}"

    def framed(self, one: Claim) -> bytes:
        return frame(self.schema_id, encoded(self.schema, one))

    # What comes out

    def view(self, agreement: str) -> list[dict[str, Any]]:
        """Everything in a view so far, as the stock deserializer reads it."""
        topic = self.views[agreement]
        decoded, heard = self._decoded[topic], self.ear.heard[topic]
        context = SerializationContext(topic, MessageField.VALUE)
        decoded += [self._decode(one.value(), context) for one in heard[len(decoded) :]]
        return decoded

    def released(self, agreement: str, serial: int) -> list[dict[str, Any]]:
        return [one for one in self.view(agreement) if one["serial"] == serial]

    def arrives(self, serial: int, *agreements: str) -> None:
        """Waits until the claim is in the views (of everybody); each has it once."""
        for agreement in agreements or EVERYBODY:
            found = self.ear.until(
                lambda one=agreement: self.released(one, serial) or None, f"claim {serial} for {agreement}"
            )
            assert len(found) == 1

    def goes_on(self) -> None:
        """The next good event arrives, everywhere, and no role had to be started again."""
        good = self.claim()
        self.drop(lines(good))
        self.arrives(good["serial"])
        self.is_whole()

    def is_whole(self) -> None:
        assert [(one.name, one.reason) for one in self._run.supervisor.snapshot() if one.restarts] == []

    def refused(self, source: str, agreement: str | None = None) -> tuple[dict[str, str], Mapping[str, Any]]:
        """Waits for what quarantine says of `source`: (headers, the record opened)."""
        found = self.ear.until(lambda: self._refusals(source, agreement) or None, f"the refusal of {source}")
        assert len(found) == 1
        return _headers(found[0]), self.opened(found[0])

    def _refusals(self, source: str, agreement: str | None) -> list[Message]:
        wanted = (source, agreement)
        return [one for one in self.ear.heard[QUARANTINE] if _of(one) == wanted]

    def refusals_from(self, file: str) -> list[str]:
        """The places in a file that were refused, so far."""
        sources = [_headers(one)["penstock.source"] for one in self.ear.heard[QUARANTINE]]
        return [one for one in sources if one.startswith(f"{file}:")]

    def opened(self, message: Message) -> Mapping[str, Any]:
        scope = quarantine_scope(DATASET)
        return open_quarantined(message.value(), DATASET, lambda handle: self.keys.open_keys(scope, [handle])[handle])

    def decisions(self, person: str) -> dict[str, str]:
        """Waits for what the disclosure log says of the one event of a person."""
        told = self.ear.until(lambda: self._told(person) or None, "the disclosure")
        assert len(told) == 1
        return dict(told[0]["decisions"])

    def _told(self, person: str) -> list[dict[str, Any]]:
        reference = self.reference(person)
        return [unpack(one.value()) for one in self.ear.heard[DISCLOSURES] if one.key() == reference]

    def reference(self, person: str) -> bytes:
        return subject_reference(self.keys.reference_secret(), person)

    # How it is

    @property
    def inbox(self) -> Path:
        return self.root / "inbox" / "claims"

    def lies_in(self, folder: str, name: str) -> Path:
        """Waits until a file lies in `done` or `failed`."""
        path = self.inbox / folder / name
        self.ear.until(lambda: path.exists() or None, f"{name} in {folder}/")
        return path

    def generations(self) -> int:
        return len(self.ear.heard[CONTROL])

    def health(self, role: str = EXCHANGE) -> dict[str, Any]:
        return next(one for one in status(self.root) if one["role"] == role)

    @property
    def gateway(self) -> str:
        return self._wiring.gateway_url()

    def token(self, member: str) -> str:
        return self._wiring.token_of(member)

    def logs(self) -> Iterator[tuple[str, bytes]]:
        """Everything that any role wrote, and the words of this process."""
        for path in sorted((self.root / ".penstock" / "run").iterdir()):
            yield path.name, path.read_bytes()
        yield "said", json.dumps(self.said).encode()

    def close(self) -> None:
        self.ear.close()
        self._producer.close()


def _headers(message: Message) -> dict[str, str]:
    return {name: value.decode() for name, value in message.headers() or ()}


def _of(message: Message) -> tuple[str | None, str | None]:
    headers = _headers(message)
    return headers.get("penstock.source"), headers.get("penstock.agreement")


@contextmanager
def claims_plant(folder: Path, bootstrap: str) -> Iterator[Plant]:
    """The ecosystem at work below `folder` while the block runs."""
    cluster = Cluster(bootstrap)
    ensure(cluster, own_topics())
    registry = RegistryStand(cluster)
    root, keys, said = folder / "town", folder / "keys", list[str]()
    keys.mkdir()
    try:
        write_documents(root, bootstrap, registry.url, keys)
        with running(root, said.append, unsigned=False) as run, SchemaRegistryClient({"url": registry.url}) as client:
            plant = Plant(root, bootstrap, registry, client, run)
            plant.said = said
            try:
                yield plant
            finally:
                plant.close()
    finally:
        registry.close()
        for path in sorted((root / ".penstock" / "run").glob("*.log")):
            sys.stdout.write(f"--- {path.name}\n{path.read_text(errors='replace')}\n")  # pytest shows it on a failure
