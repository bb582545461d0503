"""How a view is made from an event: one step for each field that does not pass, put together by walking the schema."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from ..schemas.agreement import Agreement
from ..schemas.avro_paths import Leaf, covers, leaves, type_at
from ..schemas.avro_physical import type_digest
from ..schemas.avro_tree import tree
from ..schemas.codec import Codec
from ..schemas.contract import ContractField, DataContract, PersonalData
from ..schemas.crash_points import passing
from ..schemas.encrypted import Binding, branch_step, field_step, item_step, key_step
from ..schemas.errors import DocumentError, KeyUnavailableError
from ..schemas.ports import SubjectKey
from ..schemas.safeguard import Encrypt, Generalise, Mask, Noise, Omit, Pass, Pseudonymise, Safeguard
from ..schemas.safeguard_cut import safeguard_cut
from . import pseudonymise
from .encrypt import BulkKey, BulkUses, FieldKey, Nonce, seal
from .generalise import generalising
from .mask import masking
from .noise import NoiseScope, mechanism


@dataclass(frozen=True, slots=True, repr=False)
class Release:
    """What the view of one event takes besides the event. Never printed: it holds a secret.

    `event_id` is the event's own id as text; `subjects` the keys of its data subjects by the path that names them;
    `bulk` the key of fields that are about nobody. Randomness comes from `nonce` alone.
    """

    event_id: str
    subjects: Mapping[str, SubjectKey]
    noise_secret: bytes
    nonce: Nonce
    bulk: BulkKey | BulkUses | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Making:
    """The making of one view record: what is released, and the event id that the view shows."""

    release: Release
    shown_id: bytes


@dataclass(slots=True)
class Sealings:
    """How many field values were encrypted. For the metrics only: nothing that is decided or made asks it."""

    count: int = 0


Path = tuple[bytes, ...]
Step = Callable[[Any, Making, Path], Any]
"""Gives the view's value for an event's value, in the making of one record, at a concrete path."""


class Special(Enum):
    """What becomes of a node without any step: it goes on as it is, or is not in the view."""

    PASS = auto()
    ABSENT = auto()


PASS: Final = Special.PASS
ABSENT: Final = Special.ABSENT
Found = Step | Special


class Steps:
    """Walks a contract's schema under an agreement. What it meets on the way is kept for the view program."""

    def __init__(self, contract: DataContract, agreement: Agreement) -> None:
        self._contract = contract
        self._agreement = agreement
        self._tree = tree(contract.schema)
        self.leaves = leaves(contract.schema)
        self.binding = Binding.of(agreement.id, contract.id, contract.major)
        self.scope = NoiseScope(agreement.id, contract.id, contract.major)
        self.cut = safeguard_cut(self._tree, agreement.fields)
        self.subjects: set[str] = set()
        self.noisy = False
        self.bulk = False
        self.sealings = Sealings()

    def root(self) -> Step | None:
        """Return the step from event to view; None when the view is the event."""
        found = self.node(self._tree.root, "")
        if found is ABSENT:
            raise DocumentError("every field is omitted, so there is no view", remedy="pass or protect a field")
        return None if isinstance(found, Special) else found

    def node(self, node: Any, path: str) -> Found:
        """Return what becomes of the contract's `node`, which stands at `path`."""
        if path in self.cut:
            return self._protected(path, self.cut[path])
        bare, nullable = self._tree.without_null(node)
        inner = self._interior(bare, path)
        if isinstance(inner, Special) or not isinstance(node, list):
            return inner
        return _through_union(inner, self._tree.kind(bare), nullable=nullable)

    def _interior(self, node: Any, path: str) -> Found:
        match self._tree.kind(node):
            case "record":
                return self._record(node, path)
            case "array":
                inner = self.node(node["items"], f"{path}[]")
                return inner if isinstance(inner, Special) else _items(inner)
            case "map":
                inner = self.node(node["values"], f"{path}{{}}")
                return inner if isinstance(inner, Special) else _values(inner)
        raise DocumentError(f"`{path}` has no safeguard", remedy="give every field a safeguard")

    def _record(self, name: str, path: str) -> Found:
        fields = self._tree.types[name]["fields"]
        made = [(one["name"], self.node(one["type"], f"{path}.{one['name']}".lstrip("."))) for one in fields]
        kept = [(name, step) for name, step in made if step is not ABSENT]
        if not kept:
            return ABSENT
        if len(kept) == len(made) and all(step is PASS for _, step in kept):
            return PASS
        return _fields(kept)

    def _protected(self, path: str, safeguard: Safeguard) -> Found:
        if isinstance(safeguard, Omit | Pass):
            return PASS if isinstance(safeguard, Pass) else ABSENT
        match safeguard:
            case Encrypt():
                return self._encrypt(path)
            case Pseudonymise():
                return self._pseudonymise(path)
            case Mask():
                return _bare(masking(safeguard))
            case Generalise():
                return _bare(generalising(safeguard, self.leaves[path]))
            case Noise():
                return self._noise(safeguard, self.leaves[path])

    def _encrypt(self, path: str) -> Step:
        inner = type_at(self._contract.schema, path)
        encode, digest, binding = Codec(inner).encode, type_digest(inner), self.binding
        key_for, sealings = self._key_for(path), self.sealings

        def step(value: Any, making: Making, at: Path) -> bytes:
            sealings.count += 1
            key, nonce = key_for(making.release)
            additional = binding.additional_data(key.handle, at, digest, making.shown_id)
            sealed = seal(encode(value), key, additional, nonce)
            passing("encrypted")
            return sealed

        return step

    def _key_for(self, path: str) -> Callable[[Release], tuple[FieldKey, Nonce]]:
        subject = self.subject_of(path)
        if subject is None:
            self.bulk = True
            return lambda release: _bulk(release, path)
        self.subjects.add(subject)
        return lambda release: (pseudonymise.keys_of(subject, release.subjects, path), release.nonce)

    def subject_of(self, path: str) -> str | None:
        """Return the path that names whose data is at `path`; None when it is nobody's."""
        below = [self._contract.fields.get(leaf) for leaf in self.leaves if covers(path, leaf)]
        named = {(field and field.subject) or self._contract.data_subject for field in below if _about_somebody(field)}
        named.discard(None)
        if len(named) > 1:
            raise DocumentError(
                f"`{path}` holds data of several data subjects, and is encrypted as one",
                remedy="encrypt its fields one by one",
            )
        return named.pop() if named else None

    def _pseudonymise(self, path: str) -> Step:
        if path == self._contract.event_id:
            return lambda _value, making, _at: making.shown_id.decode()
        if path not in self._contract.subject_paths:
            raise DocumentError(
                f"`{path}` identifies no data subject, so it has no pseudonym", remedy="encrypt, mask or omit it"
            )
        self.subjects.add(path)
        return _bare_in(lambda making: pseudonymise.pseudonym(path, making.release.subjects))

    def _noise(self, rule: Noise, leaf: Leaf) -> Step:
        self.noisy = True
        drawn = mechanism(rule, leaf)
        scope = self.scope

        def step(value: Any, making: Making, at: Path) -> Any:
            if value is None:
                return None
            noised = drawn.released(value, making.release.noise_secret, scope, at, making.release.event_id)
            passing("noised")
            return noised

        return step


def _about_somebody(field: ContractField | None) -> bool:
    """Say whether a field is about a data subject. One that nobody classified is."""
    return field is None or field.subject is not None or field.personal is not PersonalData.NONE


def _bulk(release: Release, path: str) -> tuple[FieldKey, Nonce]:
    if release.bulk is None:
        raise KeyUnavailableError(f"field `{path}` is about no data subject, and there is no bulk key here")
    return release.bulk, release.bulk.nonce


def _bare(change: Callable[[Any], Any]) -> Step:
    return lambda value, _making, _at: None if value is None else change(value)


def _bare_in(give: Callable[[Making], Any]) -> Step:
    return lambda value, making, _at: None if value is None else give(making)


def _fields(kept: Sequence[tuple[str, Found]]) -> Step:
    passed = [name for name, step in kept if step is PASS]
    order = [name for name, _ in kept]
    made = [(name, field_step(name), step) for name, step in kept if not isinstance(step, Special)]

    def step(value: Any, making: Making, at: Path) -> dict[str, Any]:
        found = dict.fromkeys(order)
        for name in passed:
            found[name] = value[name]
        for name, here, inner in made:
            found[name] = inner(value[name], making, (*at, here))
        return found

    return step


def _items(inner: Step) -> Step:
    return lambda items, making, at: [inner(item, making, (*at, item_step(n))) for n, item in enumerate(items)]


def _values(inner: Step) -> Step:
    return lambda held, making, at: {key: inner(one, making, (*at, key_step(key))) for key, one in held.items()}


def _through_union(inner: Step, kind: str, *, nullable: bool) -> Step:
    here = branch_step(kind)

    def step(value: Any, making: Making, at: Path) -> Any:
        return None if nullable and value is None else inner(value, making, (*at, here))

    return step
