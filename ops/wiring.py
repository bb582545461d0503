"""Wiring: the only file that knows every concrete class and puts them together."""

import os
from pathlib import Path

from sqlalchemy import Engine

from ..connectors.find import find
from ..schemas.connectors import SourceDocument
from ..schemas.contract import DataContract
from ..schemas.ecosystem import Ecosystem, NamedCluster, NamedRegistry, NamedStore
from ..schemas.edge_observer import EdgeObserver, Unwatched
from ..schemas.errors import ConfigurationError, KeyUnavailableError, UnavailableError
from ..schemas.ports import Kms, Source
from ..schemas.principals import OPERATOR
from ..schemas.source_place import SourcePlace
from ..streams.registry_client import RegistryClient
from ..streams.settings import Cluster
from ..streams.settling import Tell
from .access.keeper import AccessKeeper, Terms
from .access.passwords import Passwords
from .access.scenes import Scenes
from .apply import Applier
from .clock import now_ms
from .documents.load import ecosystem_of
from .home import Home
from .kms.opening import KekPlace, open_kms
from .processes import read_status
from .settings import cluster_of, from_environment
from .store.credentials import CredentialStore
from .store.engine import open_sqlite, open_url
from .store.erasing import Papers
from .store.hand_outs import HandOutStore
from .store.key_store import MOST_CACHED, SqlKeyStore
from .store.observed import ObservedKeyStore, ObservedKms
from .store.progress import Progress
from .store.receipts import ReceiptStore
from .store.role_pass import RolePass
from .store.store_keys import KmsOf, StoreKeys, is_new
from .store.tokens import TokenStore
from .timed import Listeners

_NOBODY = Unwatched()


class Wiring:
    """An ecosystem's parts, made on demand. Needs `ecosystem.yaml` only: other documents may be in the making."""

    def __init__(self, directory: Path, principal: str = OPERATOR) -> None:
        """`principal` is who this process is to Kafka: an operator at the command line, or a role."""
        self.principal = principal
        self.home = Home(directory.resolve())
        self.home.make()
        self.ecosystem: Ecosystem = ecosystem_of(self.home.root)
        store = self.ecosystem.store
        if isinstance(store, NamedStore):
            self._engine = open_url(from_environment(store.url_env))
        else:
            self._engine = open_sqlite(self.home.store)

    def cluster(self, principal: str = "") -> Cluster:
        """Return the cluster as this process knows it, or as `principal` does (on an embedded one)."""
        return cluster_of(self.home, self.ecosystem, principal or self.principal)

    def access(self) -> AccessKeeper | None:
        """Return who keeps users and rules, with the operator's rights; None for a cluster whose access is not ours."""
        named = self.ecosystem.cluster if isinstance(self.ecosystem.cluster, NamedCluster) else None
        if named and named.access == "external":
            return None
        terms = Terms(exclusive=named is None, users=named is None or named.security.mechanism == "SCRAM-SHA-512")
        scenes = Scenes(self.home.root, self.ecosystem.id, self.credentials())
        return AccessKeeper(self.cluster(OPERATOR), scenes, Passwords(self.home.credentials), terms)

    def credentials(self) -> CredentialStore:
        return CredentialStore(self._engine)

    @property
    def engine(self) -> Engine:
        """The store's database."""
        return self._engine

    def kms(self, told: Listeners | None = None, member: str = "") -> Kms:
        """Return the KMS of a member or (empty) of the ecosystem; `told` listens to it.

        A development KEK is made with its owner's first store keys, never after them. Raises what its kind raises.
        """
        named = self.ecosystem.kms.members[member] if member else self.ecosystem.kms.ecosystem
        place = KekPlace(self.home.root, self.home.kek_of(member), is_new(self._engine, member), from_environment)
        kms = open_kms(named, place)
        return ObservedKms(kms, told.kms) if told else kms

    def key_store(self, told: Listeners | None = None, provider: str = "", *, cached: int = MOST_CACHED) -> SqlKeyStore:
        """Return the key store; `told` listens to it and its KMSes. New keys are those of `provider`.

        Only who follows orders to erase may keep keys of data subjects in memory: `cached` 0 for everybody else.
        """
        owner, kms_of, limit_s = self.owner_of(provider), self._kms_of(told), self.ecosystem.kms.cached_seconds
        if told:
            return ObservedKeyStore(self._engine, kms_of, owner, told.store, cached=cached, store_key_s=limit_s)
        return SqlKeyStore(self._engine, kms_of, owner, cached=cached, store_key_s=limit_s)

    def _kms_of(self, told: Listeners | None = None) -> KmsOf:
        def kms_of(member: str) -> Kms:
            if member and member not in self.ecosystem.kms.members:
                raise KeyUnavailableError(
                    f"ecosystem.yaml names no KMS of {member}", remedy="name it again: its keys are needed"
                )
            return self.kms(told, member)

        return kms_of

    def owner_of(self, provider: str) -> str:
        """Return whose KEK wraps a provider's keys: its own where it has one, else (empty) the ecosystem's."""
        return provider if provider in self.ecosystem.kms.members else ""

    def store_keys(self) -> StoreKeys:
        return StoreKeys(self._engine, self._kms_of(), limit_s=self.ecosystem.kms.cached_seconds)

    def papers(self) -> Papers:
        """Return where what is kept of erasure cases lies."""
        return Papers(self._engine, self.store_keys())

    def progress(self) -> Progress:
        return Progress(self._engine)

    def tokens(self) -> TokenStore:
        return TokenStore(self._engine)

    def role_pass(self) -> RolePass:
        """Return how our own roles prove themselves to the gateway."""
        return RolePass(self.key_store().registry_secret, now_ms)

    def hand_outs(self) -> HandOutStore:
        return HandOutStore(self._engine)

    def receipts(self) -> ReceiptStore:
        return ReceiptStore(self._engine)

    def gateway_url(self) -> str:
        """Return where this ecosystem's gateway is reached. Raises UnavailableError when nobody says it."""
        if self.ecosystem.gateway.url:
            return self.ecosystem.gateway.url
        facts = read_status(self.home.run / "gateway.json")
        if not facts:
            raise UnavailableError("the gateway does not run", place=str(self.home.root), remedy="penstock up DIR")
        return str(facts["url"])

    def gateway_ca(self) -> str | None:
        """Return the file of whose certificate of the gateway is believed; None: the system's."""
        named = self.ecosystem.gateway.ca_file
        return str(self.home.root / named) if named else os.environ.get("PENSTOCK_CA_FILE") or None

    def registry(self) -> RegistryClient:
        """Return a client of the ecosystem's registry: the named one, else the gateway's."""
        named = self.ecosystem.registry
        if not isinstance(named, NamedRegistry):
            return RegistryClient(self.gateway_url(), token=self.role_pass().make, ca_file=self.gateway_ca())
        credentials = None
        if named.username_env and named.password_env:
            credentials = from_environment(named.username_env), from_environment(named.password_env)
        ca_file = str(self.home.root / named.ca_file) if named.ca_file else None
        return RegistryClient(named.url, basic=credentials, ca_file=ca_file)

    def applier(self, tell: Tell | None = None) -> Applier:
        return Applier(self.cluster(), self.registry(), self.ecosystem.id, self.access(), tell, self.progress())

    def source(self, document: SourceDocument, contract: DataContract, edge: EdgeObserver = _NOBODY) -> Source:
        """Return a source as `connectors.yaml` describes it, for the contract in force. `edge` listens to its edge."""
        place = SourcePlace(
            id=document.id,
            root=self.home.root,
            path=document.path,
            format=document.format,
            options=document.options,
            contract=contract,
            secret=from_environment,
            doors=self.tokens(),
            receipts=self.receipts(),
            clock=now_ms,
            edge=edge,
        )
        return find(document.kind)(place)

    def token_of(self, member: str) -> str:
        """Return a token of `member`: from PENSTOCK_TOKEN, else the one that `up` left for an embedded ecosystem."""
        given = os.environ.get("PENSTOCK_TOKEN")
        if given:
            return given
        try:
            return (self.home.tokens / member).read_text().strip()
        except OSError:
            raise ConfigurationError(
                f"no token for `{member}`", remedy="export PENSTOCK_TOKEN, or let `penstock up` issue one"
            ) from None

    def issue_missing_tokens(self, members: list[str]) -> None:
        """Leave a token for each of `members` in the ecosystem's own state, unless a valid one lies there."""
        tokens = self.tokens()
        for member in members:
            path = self.home.tokens / member
            if path.exists() and tokens.member_of(path.read_text().strip()) == member:
                continue
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(tokens.issue(member) + "\n")
