"""What our own topics are called. The names appear in Kafka, so they are promises."""

CONTROL = "penstock.control"
CONSENTS = "penstock.consents"
SOURCES = "penstock.sources"
AUDIT = "penstock.audit"
DISCLOSURES = "penstock.disclosures"
LANES = "penstock.lanes"
SLOTS = "penstock.slots"
ERASURES = "penstock.erasures"
SCHEMAS = "_schemas"


def quarantine_topic(dataset: str) -> str:
    return f"quarantine.{dataset}"
