"""Small contracts, agreements and keys to make views with."""

import itertools
import json
from dataclasses import replace

from pydantic import TypeAdapter

from penstock.processors.encrypt import BulkKey
from penstock.processors.open_view import OpenProgram
from penstock.processors.view import Release, compile_view
from penstock.schemas.agreement import Agreement
from penstock.schemas.avro_paths import leaves
from penstock.schemas.codec import Codec
from penstock.schemas.contract import Classification, ContractField, DataContract, PersonalData
from penstock.schemas.ports import SubjectKey
from penstock.schemas.safeguard import Safeguard
from penstock.schemas.view_label import view_schema_of

SAFEGUARD = TypeAdapter(Safeguard)
PASS, OMIT, ENCRYPT, PSEUDONYM = ({"do": word} for word in ("pass", "omit", "encrypt", "pseudonymise"))
NOISE = {"do": "noise", "epsilon": 1, "sensitivity": 10, "clamp": [-100, 100]}


def record(*fields, name="Event"):
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields]}


def contract_of(schema, *, subjects=None, subject="person", event_id="id", public=(), **changes):
    """A contract in which every field is personal data of `subject`, but for those `subjects` and `public` name."""
    named = subjects or {}
    fields = {
        path: ContractField(
            path,
            Classification.CONFIDENTIAL,
            PersonalData.NONE if path in public or subject is None else PersonalData.PERSONAL,
            named.get(path),
        )
        for path in leaves(schema)
    }
    made = DataContract(
        id="income",
        version="1.0.0",
        title="Income",
        provider="ee",
        event_id=event_id,
        event_time="at",
        record_key=subject,
        data_subject=subject,
        fields=fields,
        schema=schema,
        partitions=1,
        retention="year",
    )
    return replace(made, **changes)


def agreement_of(safeguards, **changes):
    said = {
        "version": 1,
        "id": "ee-fi",
        "title": "From Estonia to Finland",
        "provider": "ee",
        "recipient": "fi",
        "dataset": "income",
        "purpose": "dpv:Tax",
        "legal_basis": {
            "provider": {"basis": "gdpr:c", "statute": "A"},
            "recipient": {"basis": "gdpr:c", "statute": "B"},
        },
        "places": ("FI",),
        "processing": {"place": "FI"},
        "valid": {"from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"},
        "consent": "not-required",
        "fields": {path: SAFEGUARD.validate_python(one) for path, one in safeguards.items()},
        "retention": "year",
        "scope_of_use": "Tax",
        "liability": "Art. 82",
        "inform_subject": {"when": "immediate"},
    }
    return Agreement.model_validate(said | changes)


def subject_key(number):
    return SubjectKey(bytes([number]) * 8, bytes([number]) * 32, f"pseudonym-{number}", bytes([255 - number]) * 32)


class World:
    """One contract under one agreement: `view` makes and re-reads a record, `open` opens it with all keys."""

    def __init__(self, contract, agreement, writer=None):
        self.contract = contract
        self.schema = json.loads(json.dumps(view_schema_of(contract, agreement)))
        self.program = compile_view(contract, writer or contract.schema, agreement, self.schema)
        self.opening = OpenProgram(self.schema)
        self.codec = Codec(self.schema)
        self.subjects = {path: subject_key(at + 1) for at, path in enumerate(self.program.subject_paths)}
        self.bulk = BulkKey(b"bulkbulk", b"b" * 32)
        self.keys = {one.handle: one.key for one in (*self.subjects.values(), self.bulk)}
        self._nonces = itertools.count()

    def nonce(self, size):
        return next(self._nonces).to_bytes(size, "big")

    def release(self, event_id="evt-1", **changes):
        return replace(Release(event_id, self.subjects, b"n" * 32, self.nonce, self.bulk), **changes)

    def view(self, event, **changes):
        made = self.program.apply(event, self.release(str(event[self.contract.event_id]), **changes))
        data = self.codec.encode(made)
        assert self.codec.decode(data) == made
        return made

    def open(self, view):
        return self.opening.open(view, self.keys)
