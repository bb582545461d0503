"""Rules for sealing keys: their form, their time, and that whoever is promised encrypted fields can get keys."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ...processors.key_message import is_of_small_order
from ...schemas.problem import Finding
from ...schemas.safeguard import Encrypt
from ...schemas.sealing_key import SealingKey, sealing_key_bytes
from .load import Documents
from .pages import Case, Page, page_of

SOON = timedelta(days=30)
_MAKE = "make one with `penstock partner key`, and put its public half into the charter"


def sealing_key_findings(documents: Documents, at_ms: int) -> Iterator[Finding]:
    """Yield what is wrong with the sealing keys that the charter names."""
    page, now = page_of(documents, "charter"), _instant(at_ms)
    holders: dict[str, str] = {}
    for position, member in enumerate(documents.charter.members):
        place = ("members", position)
        if member.sealing_keys and member.unsealed_keys:
            message = "says why keys come unsealed, and sealing keys are there"
            yield page.error((*place, "unsealed_keys"), message, "take one of the two out")
        for at, key in enumerate(member.sealing_keys):
            here = (*place, "sealing_keys", at)
            if any(one.id == key.id for one in member.sealing_keys[:at]):
                remedy = "a key file names its key by this id: give each its own"
                yield page.error((*here, "id"), f"'{key.id}' is named twice", remedy)
            yield from _form(page, here, key)
            if holders.setdefault(key.public_key, member.id) != member.id:
                message = "is a key of another member, which then could open what is sealed to this one"
                yield page.error((*here, "public_key"), message, "every member makes its own")
        if member.sealing_keys and (last := max(key.valid.until for key in member.sealing_keys)) < now + SOON:
            when = "has expired" if last <= now else f"ends within {SOON.days} days"
            message = f"the last sealing key of '{member.id}' {when}: no key is handed out then"
            yield page.warning((*place, "sealing_keys"), message, _MAKE)


def hand_out_findings(case: Case) -> Iterator[Finding]:
    """Yield what the recipient of encrypted fields lacks, or does without, to get their keys."""
    encrypts = any(isinstance(one, Encrypt) for one in case.agreement.fields.values())
    recipient = case.documents.charter.member(case.agreement.recipient)
    if not encrypts or recipient is None or recipient.sealing_keys:
        return
    if recipient.unsealed_keys is None:
        message = f"fields are encrypted, and '{recipient.id}' has no sealing key: it is handed no key"
        yield case.page.warning(("recipient",), message, _MAKE)
    else:
        message = f"keys for '{recipient.id}' are handed out unsealed: the way to it, TLS ends included, can read them"
        yield case.page.note(("recipient",), message, f"{_MAKE}, in place of unsealed_keys")


def _form(page: Page, here: tuple[str | int, ...], key: SealingKey) -> Iterator[Finding]:
    if key.valid.until <= key.valid.from_:
        yield page.error((*here, "valid"), "ends before it begins", "correct from or until")
    if is_of_small_order(sealing_key_bytes(key.public_key)):
        yield page.error((*here, "public_key"), "is a point to which nothing can be sealed", _MAKE)


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1_000, UTC)
