"""Loading an ecosystem: every document read, every problem of all of them reported at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ...schemas.agreement import Agreement
from ...schemas.canonical import canonical
from ...schemas.charter import Charter
from ...schemas.connectors import Connectors
from ...schemas.contract import DataContract
from ...schemas.ecosystem import Ecosystem
from ...schemas.generation import agreement_record, contract_record
from ...schemas.model import Model
from ...schemas.odcs import read_contract
from ...schemas.problem import Finding, Problem, ProblemsError
from ...schemas.scenario import Scenario
from ...schemas.signature import Signatures
from ...schemas.validation import validated
from ...schemas.yaml_lines import Source, read_yaml

MOST_BYTES = 1 << 20
CONTRACT, SIGNATURES, YAML = ".odcs.yaml", ".signatures.yaml", ".yaml"

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Documents:
    """Everything an ecosystem's directory says.

    `sources` and `raw` go by the document's name: `charter`, `contracts/<id>`, `agreements/<id>`, `signatures/<id>`,
    `scenarios/<name>`, …; `raw` is the canonical JSON of what the document means, for digests. `notices` are what
    loading found that stops nothing. `broken` names documents that could not be used (only in what `read` gives).
    """

    root: Path
    ecosystem: Ecosystem
    charter: Charter
    contracts: Mapping[str, DataContract]
    agreements: Mapping[str, Agreement]
    signatures: Mapping[str, Signatures]
    connectors: Connectors
    scenarios: Mapping[str, Scenario]
    sources: Mapping[str, Source]
    raw: Mapping[str, bytes]
    notices: tuple[Finding, ...] = ()
    broken: frozenset[str] = frozenset()


def load(directory: Path) -> Documents:
    """Return the documents of `directory`. Raises ProblemsError, a DocumentError, with every problem of all of them."""
    documents, problems = read(directory)
    if problems or documents is None:
        raise ProblemsError(problems)
    return documents


def read(directory: Path) -> tuple[Documents | None, tuple[Problem, ...]]:
    """Return what could be read, None without ecosystem or charter, and every problem."""
    loader = _Loader(directory)
    return loader.documents(), tuple(loader.problems)


def ecosystem_of(directory: Path) -> Ecosystem:
    """Return `ecosystem.yaml` alone: a running role must not fall over a contract in the making."""
    return one_document(directory, "ecosystem", Ecosystem)


def connectors_of(directory: Path) -> Connectors:
    """Return `connectors.yaml` alone, empty when there is none."""
    if not (directory / f"connectors{YAML}").exists():
        return Connectors(version=1)
    return one_document(directory, "connectors", Connectors)


def one_document(directory: Path, name: str, model: type[M]) -> M:
    """Return the document `name`.yaml of `directory`. Raises ProblemsError with everything that is wrong with it."""
    loader = _Loader(directory)
    found = loader.single(name, model)
    if found is None:
        raise ProblemsError(loader.problems)
    return found


@dataclass(slots=True)
class _Loader:
    root: Path
    problems: list[Problem] = field(default_factory=list)
    notices: list[Finding] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def documents(self) -> Documents | None:
        if not self.root.is_dir():
            self._problem(str(self.root), "there is no such directory", "penstock init makes a new ecosystem")
            return None
        ecosystem = self.single("ecosystem", Ecosystem)
        charter = self.single("charter", Charter)
        optional = (self.root / "connectors.yaml").exists()
        connectors = self.single("connectors", Connectors) if optional else None
        contracts = self._contracts()
        agreements, signatures = self._agreements()
        scenarios = self._folder("scenarios", YAML, Scenario)
        if ecosystem is None or charter is None:
            return None
        return Documents(
            root=self.root,
            ecosystem=ecosystem,
            charter=charter,
            contracts=contracts,
            agreements=agreements,
            signatures=signatures,
            connectors=connectors or Connectors(version=1),
            scenarios=scenarios,
            sources=self.sources,
            raw=self.raw,
            notices=tuple(self.notices),
            broken=frozenset(self.broken),
        )

    def _contracts(self) -> dict[str, DataContract]:
        found = {}
        for name, path in self._files("contracts", CONTRACT, ".avsc"):
            contract = self._contract(f"contracts/{name}", path)
            if contract is not None and self._named(f"contracts/{name}", contract.id, name):
                found[name] = contract
        return found

    def _contract(self, name: str, path: Path) -> DataContract | None:
        data = self._bytes(path)
        document = read_yaml(data, self._file(path)) if data is not None else None
        if document is None:
            return None
        reading = read_contract(document, lambda beside: _bounded(path.parent / beside))
        self.sources[name] = reading.source
        self.problems += reading.problems
        self.notices += reading.notices
        if reading.contract is None:
            self.broken.add(name)
            return None
        self.raw[name] = canonical(contract_record(reading.contract))
        return reading.contract

    def _agreements(self) -> tuple[dict[str, Agreement], dict[str, Signatures]]:
        signatures = {}
        for name, path in self._files("agreements", SIGNATURES, YAML):
            found = self._document(f"signatures/{name}", path, Signatures)
            if found is not None:
                signatures[name] = found
            if not (path.parent / f"{name}{YAML}").exists():
                self._problem(self._file(path), "signatures of an agreement that is not here", "delete them")
        agreements = {}
        for name, agreement in self._folder("agreements", YAML, Agreement, SIGNATURES).items():
            if self._named(f"agreements/{name}", agreement.id, name):
                agreements[name] = agreement
                self.raw[f"agreements/{name}"] = canonical(agreement_record(agreement))
        return agreements, signatures

    def _named(self, name: str, said: str, stem: str) -> bool:
        if said == stem:
            return True
        self.broken.add(name)
        remedy = f"name the file after the id, or the id {stem}"
        self.problems.append(self.sources[name].problem(("id",), "is not what the file is called", remedy))
        return False

    def single(self, name: str, model: type[M]) -> M | None:
        path = self.root / f"{name}{YAML}"
        return self._document(name, path, model)

    def _folder(self, folder: str, ending: str, model: type[M], other: str = "") -> dict[str, M]:
        found = {}
        for name, path in self._files(folder, ending, other):
            document = self._document(f"{folder}/{name}", path, model)
            if document is not None:
                found[name] = document
        return found

    def _files(self, folder: str, ending: str, other: str = "") -> list[tuple[str, Path]]:
        """Return (name, path) of the documents in a folder; any file that is none is a problem, lest it be missed."""
        found = []
        for path in sorted((self.root / folder).iterdir()) if (self.root / folder).is_dir() else ():
            if path.name.startswith(".") or path.suffix == ".md" or path.is_dir():
                continue
            if other and path.name.endswith(other) and len(other) > len(ending):
                continue
            if path.name.endswith(ending):
                found.append((path.name.removesuffix(ending), path))
            elif not (other and path.name.endswith(other)):
                self._problem(self._file(path), "not a document of this folder", f"names here end with {ending}")
        return found

    def _document(self, name: str, path: Path, model: type[M]) -> M | None:
        data = self._bytes(path)
        if data is None:
            return None
        document = read_yaml(data, self._file(path))
        self.sources[name] = document.source
        found, problems = validated(model, document)
        self.problems += problems
        if found is None:
            self.broken.add(name)
            return None
        self.raw[name] = canonical(found.model_dump(mode="json", by_alias=True))
        return found

    def _bytes(self, path: Path) -> bytes | None:
        try:
            return _bounded(path)
        except FileNotFoundError:
            self._problem(self._file(path), "is missing", "write it; penstock init shows one")
        except OSError as failure:
            self._problem(self._file(path), f"cannot be read: {failure.strerror}", "correct it")
        return None

    def _problem(self, file: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(file, 1, "", message, remedy))

    def _file(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _bounded(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError(0, f"it is larger than {MOST_BYTES:,} bytes")
    return data
