"""pydantic's errors as problems: the right line, the words of this field, and no value that somebody wrote."""

import json
import re
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .problem import Key, Problem, did_you_mean
from .yaml_lines import Document, Source

M = TypeVar("M", bound=BaseModel)

_PATTERNS = {
    "^[A-Z]{2}$": ("must be a country code", "two capital letters, such as EE"),
    "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$": (
        "must be an id",
        "at most 63 lower-case letters, digits and hyphens inside, such as tax-fi",
    ),
    "^[a-z][a-z0-9+.-]*:\\S+$": ("must be an IRI", "such as https://w3id.org/dpv#ServiceProvision"),
    "^[A-Z_][A-Z0-9_]*$": ("must be the name of an environment variable", "such as KAFKA_PASSWORD; never the secret"),
    "^[^\\s,:]+:[0-9]+(,[^\\s,:]+:[0-9]+)*$": ("must be host:port, several with commas", "such as kafka.example:9093"),
    "^(\\[[0-9a-fA-F:]+\\]|[^\\s:\\[\\]/]+):[0-9]{1,5}$": ("must be host:port", "such as 127.0.0.1:8443 or [::1]:8443"),
    "^https?://[^\\s@]+$": ("must be an http or https address", "without user name or password in it"),
    "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$": ("must be a key's name", "letters, digits, and _ . - inside, such as kek-1"),
    "^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$": ("must be the path of an engine", "without / in front, such as transit"),
    "^[A-Za-z0-9+/]{86}==$": ("must be a signature", "the base64 of 64 bytes, as penstock agreements sign writes it"),
    "^[0-9a-f]{64}$": ("must be a SHA-256 digest", "64 hexadecimal digits, as penstock agreements sign writes it"),
}

_WORDS = {
    "missing": ("is missing", "add it"),
    "finite_number": ("must be a finite number", "write a number: .nan and .inf are none"),
    "string_too_short": ("must not be empty", "write it"),
    "string_type": ("must be text", "put it in quotes if it looks like a number"),
    "int_type": ("must be a whole number", "write digits, without quotes"),
    "int_from_float": ("must be a whole number", "write digits, without a fraction"),
    "float_type": ("must be a number", "write a number, without quotes"),
    "bool_type": ("must be true or false", "write true or false, without quotes"),
    "tuple_type": ("must be a list", "write each item in a line of its own that starts with '- '"),
    "list_type": ("must be a list", "write each item in a line of its own that starts with '- '"),
    "dict_type": ("must be a mapping", "write lines of 'key: value' below it"),
    "model_type": ("must be a mapping", "write lines of 'key: value' below it"),
    "model_attributes_type": ("must be a mapping", "write lines of 'key: value' below it"),
    "datetime_type": ("must be an instant", "such as 2026-01-01T00:00:00Z"),
    "datetime_parsing": ("must be an instant", "such as 2026-01-01T00:00:00Z"),
    "datetime_from_date_parsing": ("must be an instant", "such as 2026-01-01T00:00:00Z"),
    "timezone_aware": ("must name its time zone", "end it with Z for UTC, or with an offset such as +02:00"),
    "too_short": ("has too few items", "add one"),
    "too_long": ("has too many items", "remove some"),
}

_WITH_CONTEXT = {
    "union_tag_not_found": "does not say {discriminator}",
    "value_error": "{error}",
}

_CHOICES = {"literal_error": "expected", "enum": "expected", "union_tag_invalid": "expected_tags"}
_QUOTED = re.compile("'([^']*)'")

_BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_SIGNS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}


def validated(model: type[M], document: Document) -> tuple[M | None, list[Problem]]:
    """Return `document` as a `model`, or None, and every problem with it (those of reading it included)."""
    problems = list(document.problems)
    if document.value is None:
        return None, problems
    try:
        # As JSON, since only there strict means: no text for numbers, but text for instants and lists for tuples.
        found = model.model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError as failure:
        problems += [_problem(error, model, document) for error in failure.errors()]
        return None, problems
    return (found if not problems else None), problems


def unknown_keys(model: type[BaseModel], value: Any, source: Source, key: Key = ()) -> Iterator[Problem]:
    """Yield a problem for each key of `value` that `model`, which may itself ignore such keys, does not have."""
    for name, inner in value.items() if isinstance(value, Mapping) else ():
        named = _fields(model)
        if name not in named:
            yield _unknown((*key, name), named, source)
            continue
        below = _models(_inner(named[name]) if isinstance(inner, list) else named[name])
        if len(below) != 1:
            continue
        if not isinstance(inner, list):
            yield from unknown_keys(below[0], inner, source, (*key, name))
            continue
        for position, part in enumerate(inner):
            yield from unknown_keys(below[0], part, source, (*key, name, position))


def _problem(error: ErrorDetails, model: type[BaseModel], document: Document) -> Problem:
    key, around = _place(error, model, document.value)
    if error["type"] == "extra_forbidden":
        return _unknown(key, _fields(around) if around else {}, document.source)
    message, remedy = _said(error)
    return document.source.problem(key, message, remedy)


def _unknown(key: Key, known: Mapping[str, Any], source: Source) -> Problem:
    return source.problem(key, f"unknown key '{key[-1]}'", did_you_mean(str(key[-1]), known))


def _said(error: ErrorDetails) -> tuple[str, str]:
    """Return message and remedy of an error, from its kind and the model's own words only: never from the input."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _WORDS:
        return _WORDS[kind]
    if kind in _BOUNDS:
        return f"must be {_SIGNS[_BOUNDS[kind]]} {context[_BOUNDS[kind]]:g}", "correct the number"
    if kind in _CHOICES:
        return _choice(context[_CHOICES[kind]], context.get("tag", error["input"]))
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], ("is not written as it must be", f"pattern {context['pattern']}"))
    return _WITH_CONTEXT.get(kind, "{msg}").format(msg=error["msg"], **context), "correct it"


def _choice(expected: str, written: Any) -> tuple[str, str]:
    near = did_you_mean(str(written), _QUOTED.findall(expected))
    return f"must be {expected}", near if near.startswith("did you mean") else "write one of these"


def _place(error: ErrorDetails, model: type[BaseModel], value: Any) -> tuple[Key, type[BaseModel] | None]:
    """Return the key of an error, without pydantic's names of union branches, and the model around its last part."""
    key: Key = ()
    around: type[BaseModel] | None = model
    hint: Any = model
    location = error["loc"]
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if not _holds(value, part) and not (last and error["type"] == "missing"):
            hint = _branch(hint, part)
            continue
        around = next(iter(_models(hint)), None)
        hint = _fields(around).get(str(part)) if around else _inner(hint)
        value = value[part] if _holds(value, part) else None
        key = (*key, part)
    return key, around


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(value, list) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _branch(hint: Any, tag: str | int) -> Any:
    """Return the branch of a tagged union that `tag` names."""
    for model in _models(hint):
        if model.__name__ == tag or any(tag in get_args(inner) for inner in _fields(model).values()):
            return model
    return hint


def _inner(hint: Any) -> Any:
    """Return what a list or mapping holds."""
    hint = _bare(hint)
    if get_origin(hint) in {tuple, list}:
        return get_args(hint)[0]
    return get_args(hint)[1] if get_origin(hint) is dict else hint


def _bare(hint: Any) -> Any:
    """Return `hint` without Annotated and without None."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in {Union, UnionType}:
        branches = [branch for branch in get_args(hint) if branch is not NoneType]
        return _bare(branches[0]) if len(branches) == 1 else hint
    return hint


def _models(hint: Any) -> list[type[BaseModel]]:
    """Return the models that stand in `hint`: itself, or the branches of a union."""
    hint = _bare(hint)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return [hint]
    if get_origin(hint) in {Union, UnionType}:
        return [model for branch in get_args(hint) for model in _models(branch)]
    return []
