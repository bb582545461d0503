"""Generations to put in force: one dataset, its contract, and agreements of which a test says what it needs."""

from view_world import ENCRYPT, PASS, PSEUDONYM, agreement_of, contract_of, record

from penstock.schemas.canonical import digest
from penstock.schemas.charter import Charter
from penstock.schemas.generation import AgreementInForce, ContractInForce, Generation, agreement_record, contract_record
from penstock.schemas.view_label import view_schema_of

SCHEMA = record(("id", "string"), ("at", {"type": "long", "logicalType": "timestamp-millis"}), ("person", "string"),
                ("amount", ["null", "long"]))  # fmt: skip
SAFEGUARDS = {"id": PSEUDONYM, "at": {**PASS, "reason": "needed"}, "person": PSEUDONYM, "amount": ENCRYPT}
WRITER_ID, VIEW_ID = 7, 8
CHARTER = Charter.model_validate(
    {
        "version": 1,
        "id": "eco",
        "title": "An ecosystem",
        "members": (),
        "purposes": ({"iri": "dpv:Tax", "label": "Tax"},),
        "legal_bases": ({"iri": "gdpr:c", "label": "law"},),
        "places": ("EE", "FI"),
        "transfer_mechanisms": (),
        "retention_classes": ({"id": "year", "duration": "P1Y"},),
    }
)
AT_MS = 1_780_000_000_000
"""In 2026, when the agreements are valid."""


def generation_of(
    number=1,
    *,
    dataset="income",
    status="in_force",
    agreement="ee-fi",
    safeguards=None,
    schema=SCHEMA,
    public=(),
    **changes,
):
    """A generation with one dataset and one agreement; `changes` are the agreement's."""
    contract = contract_of(schema, id=dataset, partitions=3, public=public)
    said = agreement_of(safeguards or SAFEGUARDS, id=agreement, dataset=dataset, **changes)
    held = AgreementInForce(
        agreement=said,
        digest=digest(agreement_record(said)),
        status=status,
        signed=True,
        view_topic=said.view_topic,
        view_schema_id=VIEW_ID,
        view_schema=view_schema_of(contract, said),
    )
    in_force = ContractInForce(contract, digest(contract_record(contract)), {WRITER_ID: schema})
    return Generation(number, AT_MS, "eco", CHARTER, {dataset: in_force}, {agreement: held})
