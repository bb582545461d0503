"""The making of a view: a plan written as Python, one function that gives the record for the view topic.

What its lines name besides their own constants is in `SHARED`. The source holds no secret: keys come as arguments.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...schemas.avro_decode import decoder
from ...schemas.avro_encode import write_long
from ...schemas.avro_paths import Leaf, node_at
from ...schemas.avro_tree import Tree
from ...schemas.avro_union import bare
from ...schemas.encrypted import HANDLE_BYTES, NONCE_BYTES, TAG_BYTES, VERSION, Binding, field_step, padded
from ...schemas.ports import SubjectKey
from ...schemas.safeguard import Mask
from ..encrypt import BulkUses, Next
from ..generalise import generalising
from ..keys import KEY_BYTES, rekeyed
from ..mask import masking
from ..noise import NoiseSecret, mechanism
from ..view_steps import Making, Release, Steps
from .plan import Coarse, Constant, Copy, Noisy, Op, Pseudonym, Remade, Seal, ShownId, ViewPlan
from .scanning import NotCompiled, size_at, whole_at
from .source import SourceText
from .spans import Span

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_LIMITS = {"int": 2**31, "long": 2**63}
_MOST_SIZES = 4_096
Made = TypeVar("Made")
_ID = b"\0\0\0\x1a"
"""What frames a re-keyed event id, which has 26 characters."""

KEY, REKEY, PSEUDONYM = HANDLE_BYTES, HANDLE_BYTES + KEY_BYTES, HANDLE_BYTES + 2 * KEY_BYTES
"""Where they begin in the keys of a data subject as bytes, behind the handle."""


def long_bytes(number: int) -> bytes:
    """Return a zig-zag integer."""
    zigzag = (number << 1) ^ (number >> 63)
    if zigzag < 0x80:
        return bytes((zigzag,))
    if zigzag < 0x4000:
        return bytes((zigzag & 0x7F | 0x80, zigzag >> 7))
    if zigzag < 0x200000:
        return bytes((zigzag & 0x7F | 0x80, zigzag >> 7 & 0x7F | 0x80, zigzag >> 14))
    out = bytearray()
    write_long(out, number)
    return bytes(out)


class _BySize(dict[int, Made], Generic[Made]):
    """What follows from a size alone, made once for each that is met."""

    def __init__(self, made: Callable[[int], Made]) -> None:
        super().__init__()
        self._made = made

    def __missing__(self, size: int) -> Made:
        if len(self) >= _MOST_SIZES:
            self.clear()
        self[size] = found = self._made(size)
        return found


def _sealed(size: int) -> tuple[bytes, bytes]:
    """Return of a value of `size` bytes, encrypted, what stands before the handle, and what pads it."""
    pad = padded(b"\x01" * size)[size:]
    head = long_bytes(1 + HANDLE_BYTES + NONCE_BYTES + size + len(pad) + TAG_BYTES) + bytes((VERSION,))
    return head, pad


SEALED = _BySize(_sealed)
"""`_sealed` by size."""

SIZES = _BySize(long_bytes)
"""What stands before a text in Avro, by its size."""


def text_bytes(text: bytes) -> bytes:
    """Return an Avro string of UTF-8 bytes."""
    return SIZES[len(text)] + text


def text_of(data: bytes, at: int) -> bytes:
    """Return the bytes of the string or bytes value that begins at `at`."""
    size, at = size_at(data, at)
    return data[at : at + size]


def fits(number: int, limit: int) -> int:
    """Return `number`. Raises OverflowError where it does not fit its type: the slow path says so in words."""
    if not -limit <= number < limit:
        raise OverflowError
    return number


def raw_key(key: SubjectKey | None) -> bytes | None:
    """Return the keys of a data subject as bytes: handle, key, re-keying key, pseudonym."""
    return None if key is None else key.handle + key.key + key.rekey + key.pseudonym.encode()


def subject_key(raw: bytes) -> SubjectKey:
    """Return what `raw_key` was given."""
    return SubjectKey(raw[:KEY], raw[KEY:REKEY], raw[PSEUDONYM:].decode(), raw[REKEY:PSEUDONYM])


def release_of(  # noqa: PLR0913, PLR0917 - all that a view is made with
    own: bytes,
    paths: Sequence[str],
    keys: Sequence[bytes | None],
    secret: NoiseSecret | None,
    bulk: BulkUses | None,
    nonce: Next,
) -> Release:
    """Return what the steps of the slow path take."""
    subjects = {path: subject_key(raw) for path, raw in zip(paths, keys, strict=True) if raw is not None}
    return Release(own[4:].decode(), subjects, secret.raw if secret else b"", lambda _: nonce(), bulk)


SHARED: Mapping[str, Any] = {
    "AESGCM": AESGCM,
    "SEALED": SEALED,
    "SIZES": SIZES,
    "ID": _ID,
    "long_bytes": long_bytes,
    "text_bytes": text_bytes,
    "text_of": text_of,
    "whole_at": whole_at,
    "fits": fits,
    "double_bytes": _DOUBLE.pack,
    "float_bytes": _FLOAT.pack,
    "rekeyed": rekeyed,
    "Making": Making,
    "release_of": release_of,
}


class Origin(NamedTuple):
    """The writer's schema, and the parts of its events."""

    tree: Tree
    parts: tuple[Span, ...]


class ViewWriter:
    """Writes the function of one plan.

    `view(d, p, own, keys, secret, bulk, nonce)` gives value and key: of the record `d` whose parts lie at the positions
    `p` (as `scan` gave them), with the event's own id, framed, the keys of its subjects in the order of `subject_paths`
    (see `raw_key`), the noise secret, the bulk key, and `nonce`, which gives a fresh one at each call. It raises
    whatever stands in the way; the slow path then finds out what that is.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - each is a noun of its own
        self, plan: ViewPlan, steps: Steps, subject_paths: Sequence[str], origin: Origin, view: Tree, head: bytes
    ) -> None:
        self._plan = plan
        self._steps = steps
        self._subject_paths = subject_paths
        self._writer = origin.tree
        self._view = view
        self._parts = origin.parts
        self._source = SourceText("def view(d, p, own, keys, secret, bulk, nonce):")
        self._head = self._source.constant("HEAD", head)
        self._keys: dict[str, str] = {}
        self._ciphers: dict[str | None, tuple[str, str]] = {}
        self._made = 0

    def positions(self) -> set[int]:
        """Return which positions the function takes."""
        found: set[int] = set()
        for one in (*self._plan.ops, *([self._plan.key] if self._plan.key else [])):
            match one:
                case Copy() | Seal():
                    found |= {one.first, one.last + 1}
                case Constant() | ShownId():
                    pass
                case _:
                    found |= {one.part, one.part + 1}
        return found

    def write(self, places: Mapping[int, int], shown: str | None) -> SourceText:
        """Return the source. `places`: where in `p` a position stands; `shown`: whose key re-keys the event id."""
        self._places = places
        self._shown(shown)
        pieces = [self._head, *(self._piece(one) for one in self._plan.ops)]
        self._source.add(f"return b''.join(({', '.join(pieces)},)), {self._key(self._plan.key)}")
        return self._source

    def _shown(self, subject: str | None) -> None:
        """Write how the view shows the event id, which encrypted fields are bound to."""
        takes = {type(one) for one in (*self._plan.ops, self._plan.key)}
        if takes & {Seal, ShownId, Remade}:
            said = f"rekeyed({self._key_of(subject)}[{REKEY}:{PSEUDONYM}], own)" if subject else "own[4:]"
            self._source.add(f"shown = {said}")
        if Seal in takes:
            self._source.add("bound = ID + shown" if subject else "bound = own")
        if Remade in takes:
            paths = self._source.constant("SUBJECTS", tuple(self._subject_paths))
            self._source.add(f"making = Making(release_of(own, {paths}, keys, secret, bulk, nonce), shown)")

    def _at(self, position: int) -> str:
        return f"p[{self._places[position]}]"

    def _key_of(self, subject: str) -> str:
        if subject not in self._keys:
            name = self._keys[subject] = f"k{len(self._keys)}"
            # None where the event names nobody there: then what needs the key raises.
            self._source.begin(f"{name} = keys[{self._subject_paths.index(subject)}]  # {subject}")
        return self._keys[subject]

    def _name(self, kind: str) -> str:
        self._made += 1
        return f"{kind}{self._made}"

    def _piece(self, one: Op) -> str:  # noqa: PLR0911 - a kind of operation each
        """Write what makes one piece of the view; return the expression that gives it."""
        match one:
            case Copy():
                return f"d[{self._at(one.first)}:{self._at(one.last + 1)}]"
            case Constant():
                return self._source.constant("DEFAULT", one.value)
            case Seal():
                return self._seal(one)
            case ShownId():
                return "SIZES[len(shown)], shown"
            case Pseudonym():
                return self._pseudonym(one)
            case Noisy():
                return self._noisy(one)
            case Coarse():
                return self._coarse(one)
            case Remade():
                return self._remade(one)

    def _seal(self, one: Seal) -> str:
        before, after = bound_to(self._steps.binding, field_path(one.path), one.digest)
        name = self._source.constant(f"AAD_{one.path}", after)
        value, fresh, head, sealed = map(self._name, ("value", "nonce", "head", "sealed"))
        handle, seal = self._cipher(one.subject, before)
        take = "bulk.next()" if one.subject is None else "nonce()"
        self._source.add(
            f"# {one.path}",
            f"{value} = d[{self._at(one.first)}:{self._at(one.last + 1)}]",
            f"{fresh} = {take}",
            f"{head}, pad = SEALED[len({value})]",
            f"{sealed} = {seal}({fresh}, {value} + pad, for_{handle} + {name} + bound)",
        )
        return f"{head}, {handle}, {fresh}, {sealed}"

    def _cipher(self, subject: str | None, before: bytes) -> tuple[str, str]:
        """Return the expressions of a key's handle and of its encryption, made once for each event."""
        if subject not in self._ciphers:
            key = "bulk" if subject is None else self._key_of(subject)
            handle, seal = self._ciphers[subject] = f"handle_{key}", f"seal_{key}"
            first = self._source.constant("AAD", before)
            if subject is None:
                self._source.add(f"{handle} = bulk.handle", f"{seal} = bulk.encrypt")
            else:
                self._source.add(f"{handle} = {key}[:{KEY}]", f"{seal} = AESGCM({key}[{KEY}:{REKEY}]).encrypt")
            self._source.add(f"for_{handle} = {first} + {handle}")
        return self._ciphers[subject]

    def _pseudonym(self, one: Pseudonym) -> str:
        return self._in_place(one.part, one.path, lambda _: f"{self._key_of(one.path)}[{PSEUDONYM}:]", fits=True)

    def _noisy(self, one: Noisy) -> str:
        drawn = mechanism(one.rule, self._steps.leaves[one.path]).at(self._steps.scope, field_path(one.path))
        name = self._source.constant(f"noise_{one.path}", drawn)
        # A noisy number is within what its type holds.
        return self._in_place(one.part, one.path, lambda value: f"{name}({value}, secret, own)", fits=True)

    def _coarse(self, one: Coarse) -> str:
        leaf: Leaf = self._steps.leaves[one.path]
        change = masking(one.rule) if isinstance(one.rule, Mask) else generalising(one.rule, leaf)
        name = self._source.constant(f"coarse_{one.path}", change)
        return self._in_place(one.part, one.path, lambda value: f"{name}({value})")

    def _in_place(self, part: int, path: str, change: Callable[[str], str], *, fits: bool = False) -> str:
        """Write a value in place of another; null stays null. `fits`: what comes needs no look: a text is bytes."""
        node, wanted = self._parts[part].node, node_at(self._view, path)
        from_, nullable = self._writer.without_null(node)
        to, _ = self._view.without_null(wanted)
        if isinstance(from_, list) or isinstance(to, list):
            raise NotCompiled
        piece = self._name("piece")
        self._source.add(f"# {path}")
        if isinstance(node, list) and not nullable:
            raise NotCompiled
        if not isinstance(node, list):
            made = self._written(to, change(self._read(from_, self._at(part))), fits=fits)
            self._source.add(f"{piece} = {made}")
            return piece
        null = 2 * [self._writer.kind(one) for one in node].index("null")
        branch = 2 * [self._view.kind(one) != "null" for one in wanted].index(True)
        if [self._view.kind(one) for one in wanted].index("null") != null // 2:
            raise NotCompiled
        with self._source.block(f"if d[{self._at(part)}] == {null}:"):
            self._source.add(f"{piece} = {bytes((null,))!r}")
        with self._source.block("else:"):
            made = self._written(to, change(self._read(from_, f"{self._at(part)} + 1")), fits=fits)
            self._source.add(f"{piece} = {bytes((branch,))!r} + {made}")
        return piece

    def _read(self, node: Any, at: str) -> str:
        if self._writer.kind(node) == "string":
            return f"text_of(d, {at}).decode()"
        if self._writer.kind(node) in _LIMITS:
            return f"whole_at(d, {at})"
        read = self._source.constant(f"read_{self._writer.kind(node)}", decoder(self._writer, node))
        return f"{read}(d, {at})[0]"

    def _written(self, node: Any, value: str, *, fits: bool) -> str:
        kind = self._view.kind(node)
        match kind:
            case "int" | "long":
                return f"long_bytes({value})" if fits else f"long_bytes(fits({value}, {_LIMITS[kind]}))"
            case "double" | "float":
                return f"{kind}_bytes({value})"
            case "string":
                return f"text_bytes({value})" if fits else f"text_bytes({value}.encode())"
            case "bytes":
                return f"text_bytes({value})"
            case "fixed":
                return value
        raise NotCompiled

    def _remade(self, one: Remade) -> str:
        read = self._source.constant(f"read_{one.path}", decoder(self._writer, self._parts[one.part].node))
        make = self._source.constant(f"make_{one.path}", one.make)
        write = self._source.constant(f"write_{one.path}", one.write)
        piece = self._name("piece")
        self._source.add(f"# {one.path}", f"{piece} = bytearray()")
        self._source.add(f"{write}({piece}, {make}({read}(d, {self._at(one.part)})[0], making))")
        return piece

    def _key(self, one: Op | None) -> str:
        match one:
            case None:
                return "None"
            case ShownId():
                return "shown"
            case Pseudonym():
                return self._unless_null(one.part, f"{self._key_of(one.path)}[{PSEUDONYM}:]")
            case Copy():
                return self._own_value(one.first)
        raise NotCompiled

    def _own_value(self, part: int) -> str:
        node = self._parts[part].node
        if not isinstance(node, list) and self._writer.kind(node) == "string":
            return f"text_of(d, {self._at(part)})"
        read = self._source.constant("read_key", decoder(self._writer, node))
        self._source.constant("bare", bare)
        return f"None if (key := bare({read}(d, {self._at(part)})[0])) is None else str(key).encode()"

    def _unless_null(self, part: int, made: str) -> str:
        node = self._parts[part].node
        if not isinstance(node, list):
            return made
        null = 2 * [self._writer.kind(one) for one in node].index("null")
        return f"None if d[{self._at(part)}] == {null} else {made}"


def field_path(path: str) -> tuple[bytes, ...]:
    """Return the steps of a path of field names, as encrypted fields and noise are bound to it."""
    return tuple(field_step(name) for name in path.split("."))


def bound_to(binding: Binding, steps: tuple[bytes, ...], digest: bytes) -> tuple[bytes, bytes]:
    """Return what stands before the handle in a field's additional data, and between it and the event id."""
    handle, shown = b"\xaa" * HANDLE_BYTES, b""
    whole = binding.additional_data(handle, steps, digest, shown)
    before, after = whole.split(handle, 1)
    return before, after.removesuffix(b"\x00\x00\x00\x00")
