"""Pseudonymise: an identifier becomes what the linkage domain knows the data subject or the event by."""

from collections.abc import Mapping

from ..schemas.errors import KeyUnavailableError
from ..schemas.ports import SubjectKey
from .keys import rekeyed_event_id


def keys_of(subject: str, subjects: Mapping[str, SubjectKey], field: str) -> SubjectKey:
    """Return the keys of the data subject that the path `subject` names. Raises KeyUnavailableError without them."""
    found = subjects.get(subject)
    if found is None:
        raise KeyUnavailableError(f"field `{field}` needs the keys of a data subject, and `{subject}` names none here")
    return found


def pseudonym(subject: str, subjects: Mapping[str, SubjectKey]) -> str:
    """Return the random pseudonym of the data subject that `subject` names."""
    return keys_of(subject, subjects, subject).pseudonym


def event_id(text: str, path: str, subject: str, subjects: Mapping[str, SubjectKey]) -> str:
    """Return an event id as this linkage domain knows it: it leads back to nothing once the subject's keys are gone."""
    return rekeyed_event_id(keys_of(subject, subjects, path).rekey, text)
