"""The columns of a CSV header: those that a setting lists, or those that a data contract has fields for."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from ...schemas.avro_tree import Tree, tree
from ...schemas.contract import DataContract

Judge = Callable[[Collection[str]], str]
"""Says what is wrong with the columns of a header, or nothing; names the contract's columns, never the header's."""

_Column = tuple[str, bool]
"""A column and whether a header must have it."""


def any_columns(_: Collection[str]) -> str:
    """Find nothing wrong: the contract's types judge the rows."""
    return ""


def listed(required: Collection[str], optional: Collection[str]) -> Judge:
    """Return the judge of headers that have all of `required` and nothing besides but `optional`."""
    return lambda names: _fault(set(names), set(required), set(optional), others=False)


def of_contract(contract: DataContract) -> Judge:
    """Return the judge of headers whose rows can become events of `contract`.

    A column is a field's path. A record has one column (JSON), or one for each of its fields; arrays and maps have one.
    What may be null or has a default may be missing, unless other fields of the same record are there.
    """
    resolved = tree(contract.schema)

    def judge(names: Collection[str]) -> str:
        known = set(names)
        columns = list(_columns(resolved, resolved.root, "", known, needed=True))
        required = {name for name, must in columns if must}
        optional = {name for name, must in columns if not must}
        return _fault(known, required, optional, others=contract.drops_unknown)

    return judge


def _columns(resolved: Tree, record: Any, above: str, names: Collection[str], *, needed: bool) -> Iterator[_Column]:
    for field in resolved.types[record]["fields"]:
        path = f"{above}.{field['name']}" if above else field["name"]
        bare, nullable = resolved.without_null(field["type"])
        must = needed and not nullable and "default" not in field
        if resolved.kind(bare) == "record" and path not in names:
            begun = any(name.startswith(f"{path}.") for name in names)
            yield from _columns(resolved, bare, path, names, needed=must or begun)
        else:
            yield path, must


def _fault(names: set[str], required: set[str], optional: set[str], *, others: bool) -> str:
    missing, unknown = sorted(required - names), len(names - required - optional)
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    parts += [f"has {unknown} that the contract does not know"] if unknown and not others else []
    return f"the header {' and '.join(parts)}" if parts else ""
