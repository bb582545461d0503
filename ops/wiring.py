"""Wiring: the only file that knows every concrete class and puts them together."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..connectors.find import find
from ..schemas.connectors import SourceDocument
from ..schemas.ecosystem import Ecosystem, NamedRegistry, NamedStore
from ..schemas.errors import ConfigurationError, UnavailableError
from ..schemas.ports import Source
from ..streams.registry_client import RegistryClient
from ..streams.settings import Cluster
from .apply import Applier
from .documents.load import ecosystem_of
from .home import Home
from .processes import read_status
from .settings import cluster_of, from_environment
from .store.engine import open_sqlite, open_url
from .store.key_store import SqlKeyStore
from .store.kms_file import FileKms
from .store.store_keys import is_new
from .store.tokens import TokenStore


def now_ms() -> int:
    """Return the wall clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Wiring:
    """An ecosystem's parts, made on demand. Needs `ecosystem.yaml` only: other documents may be in the making."""

    def __init__(self, directory: Path) -> None:
        self.home = Home(directory.resolve())
        self.home.make()
        self.ecosystem: Ecosystem = ecosystem_of(self.home.root)
        store = self.ecosystem.store
        if isinstance(store, NamedStore):
            self._engine = open_url(from_environment(store.url_env))
        else:
            self._engine = open_sqlite(self.home.store)

    def cluster(self) -> Cluster:
        return cluster_of(self.home, self.ecosystem)

    def key_store(self) -> SqlKeyStore:
        """Return the key store. The development KEK is made with the store, never after it."""
        kms = FileKms(self.home.kek, create=is_new(self._engine))
        return SqlKeyStore(self._engine, kms)

    def tokens(self) -> TokenStore:
        return TokenStore(self._engine)

    def gateway_url(self) -> str:
        """Return where this ecosystem's gateway listens. Raises UnavailableError when it does not run."""
        facts = read_status(self.home.run / "gateway.json")
        if not facts:
            raise UnavailableError("the gateway does not run", place=str(self.home.root), remedy="penstock up DIR")
        return str(facts["url"])

    def registry(self) -> RegistryClient:
        """Return a client of the ecosystem's registry: the named one, else the gateway's."""
        named = self.ecosystem.registry
        if not isinstance(named, NamedRegistry):
            return RegistryClient(self.gateway_url())
        credentials = None
        if named.username_env and named.password_env:
            credentials = from_environment(named.username_env), from_environment(named.password_env)
        ca_file = str(self.home.root / named.ca_file) if named.ca_file else None
        return RegistryClient(named.url, basic=credentials, ca_file=ca_file)

    def applier(self) -> Applier:
        return Applier(self.cluster(), self.registry(), self.ecosystem.id)

    def source(self, document: SourceDocument) -> Source:
        """Return a source as `connectors.yaml` describes it."""
        options: Mapping[str, Any] = document.options
        made: Source = find(document.kind)(self.home.root / document.path, document.format, options)
        return made

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
