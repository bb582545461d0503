"""Rules for connectors, scenarios and signatures: what they name must be there."""

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points

from ...processors.signing import signature_state
from ...schemas.avro_tree import tree
from ...schemas.problem import Finding, did_you_mean
from .load import Documents
from .pages import Page, is_node, page_of


def connector_findings(documents: Documents) -> Iterator[Finding]:
    """Yield sources that read nothing that is known."""
    if "connectors" not in documents.sources:
        return
    page = page_of(documents, "connectors")
    kinds = {point.name for point in entry_points(group="penstock.connectors")}
    seen: dict[str, set[str]] = {"id": set(), "path": set()}
    for position, source in enumerate(documents.connectors.sources):
        place = ("sources", position)
        if source.kind not in kinds:
            yield page.error((*place, "kind"), f"unknown kind '{source.kind}'", did_you_mean(source.kind, kinds))
        if source.kind == "file" and not source.path:
            yield page.error((*place, "kind"), "a file source needs a path", "path: inbox/NAME")
        contract = documents.contracts.get(source.dataset)
        if contract is None and f"contracts/{source.dataset}" not in documents.broken:
            meant = did_you_mean(source.dataset, documents.contracts)
            yield page.error((*place, "dataset"), f"unknown dataset '{source.dataset}'", meant)
        elif contract is not None and contract.major != source.major:
            message = f"the contract of '{contract.id}' has major version {contract.major}"
            yield page.error((*place, "major"), message, f"write major: {contract.major}")
        for key, said in (("id", source.id), ("path", (source.path or "").strip("/"))):
            if said and said in seen[key]:
                yield page.error((*place, key), f"another source has the same {key}", "give each its own")
            seen[key].add(said)


def scenario_findings(documents: Documents) -> Iterator[Finding]:
    """Yield scenarios about agreements or fields that are not there."""
    for name, scenario in sorted(documents.scenarios.items()):
        page = page_of(documents, f"scenarios/{name}")
        agreement = documents.agreements.get(scenario.agreement)
        if agreement is None:
            if f"agreements/{scenario.agreement}" not in documents.broken:
                meant = did_you_mean(scenario.agreement, documents.agreements)
                yield page.error(("agreement",), f"unknown agreement '{scenario.agreement}'", meant)
            continue
        contract = documents.contracts.get(agreement.dataset)
        if contract is None:
            continue
        names = {field["name"] for field in contract.schema["fields"]}
        yield from _unknown(page, ("given", "event"), scenario.given.event, names)
        resolved = tree(contract.schema)
        parts = {path for path in scenario.then.fields if is_node(resolved, path)}
        yield from _unknown(page, ("then", "fields"), scenario.then.fields, parts | {*contract.fields})


def signature_findings(documents: Documents) -> Iterator[Finding]:
    """Yield signatures that do not hold; missing ones are no fault of the documents."""
    for name, agreement in sorted(documents.agreements.items()):
        state = signature_state(agreement, documents.signatures.get(name), documents.charter)
        if state.state == "invalid":
            page = page_of(documents, f"signatures/{name}")
            remedy = "both parties sign again: penstock agreements sign"
            yield page.warning(("signatures",), f"the signatures do not hold: {state.reason}", remedy)


def _unknown(page: Page, place: tuple[str, ...], said: Iterable[str], known: set[str]) -> Iterator[Finding]:
    for name in said:
        if name not in known:
            yield page.error((*place, name), f"`{name}` is no field", did_you_mean(name, known))
