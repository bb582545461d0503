"""Putting a sealing key into a charter's text, where a person would: the rest stays as it is written."""

from pathlib import Path

from ...schemas.charter import Charter, Member
from ...schemas.errors import ConfigurationError
from ...schemas.sealing_key import SealingKey, key_lines
from ...schemas.validation import validated
from ...schemas.yaml_lines import read_yaml
from .load import one_document

INDENT = 4


def register_key(directory: Path, member_id: str, key: SealingKey) -> bool:
    """Add `key` to the sealing keys of a member in charter.yaml; False when it is there already.

    A line that lets its keys go unsealed is taken out. Raises DocumentError for a charter that is unfit, and
    ConfigurationError, having changed nothing, for an unknown member or a text that only a person should edit.
    """
    path = directory / "charter.yaml"
    charter = one_document(directory, "charter", Charter)
    position = next((at for at, one in enumerate(charter.members) if one.id == member_id), None)
    if position is None:
        raise ConfigurationError(f"the charter has no member `{member_id}`", place=str(path))
    member = charter.members[position]
    if key in member.sealing_keys:
        return False
    changed = _with_key(path.read_text(encoding="utf-8"), ("members", position), member, key)
    document = read_yaml(changed.encode(), path.name)
    if validated(Charter, document)[0] != _expected(charter, position, key):
        raise ConfigurationError(
            "the charter is written in a way that is not edited here",
            place=str(path),
            remedy="add by hand, below the member:\n" + "\n".join(["sealing_keys:", *key_lines(key, 2)]),
        )
    beside = path.with_name(path.name + ".new")
    beside.write_text(changed, encoding="utf-8")
    beside.replace(path)
    return True


def _with_key(text: str, place: tuple[str, int], member: Member, key: SealingKey) -> str:
    """Return the text with the key below its member, as far as lines tell; the caller looks at what it now says."""
    source, lines = read_yaml(text.encode(), "charter.yaml").source, text.splitlines()
    above = (*place, "sealing_keys") if member.sealing_keys else (*place, "id")
    new = key_lines(key, INDENT + 2)
    if not member.sealing_keys:
        new = [" " * INDENT + "sealing_keys:", *new]
    at = source.line(above)
    gone = source.line((*place, "unsealed_keys")) if member.unsealed_keys else 0
    kept = [line for number, line in enumerate(lines[:at], 1) if number != gone]
    rest = [line for number, line in enumerate(lines[at:], at + 1) if number != gone]
    return "\n".join([*kept, *new, *rest]) + "\n"


def _expected(charter: Charter, position: int, key: SealingKey) -> Charter:
    members = list(charter.members)
    held = {"sealing_keys": (key, *members[position].sealing_keys), "unsealed_keys": None}
    members[position] = members[position].model_copy(update=held)
    return charter.model_copy(update={"members": tuple(members)})
