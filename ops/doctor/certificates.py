"""Certificates that `ecosystem.yaml` names: until when they are good."""

from collections.abc import Iterator
from datetime import UTC, datetime
from os import strerror
from pathlib import Path

from cryptography import x509

from ...schemas.ecosystem import Ecosystem, NamedCluster, NamedRegistry
from ..documents.load import ecosystem_of
from .papers import SOON
from .result import Result, Verdict, well


def certificates(root: Path, now: datetime | None = None) -> Iterator[Result]:
    """Say which are over, or will be within SOON. Says nothing where none is named."""
    named = sorted(_named(ecosystem_of(root)))
    troubled = [one for file, own in named for one in _looked_at(root / file, now or datetime.now(UTC), own=own)]
    yield from troubled
    if named and not troubled:
        yield well("certificates", f"{len(named)} files, none over or about to be")


def _named(ecosystem: Ecosystem) -> set[tuple[str, bool]]:
    """Return (file, whether it holds a certificate of our own, not those of authorities)."""
    gateway = ecosystem.gateway
    files = {(gateway.certificate_file, True), (gateway.client_ca_file, False), (gateway.ca_file, False)}
    if isinstance(ecosystem.cluster, NamedCluster):
        security = ecosystem.cluster.security
        files |= {(security.certificate_file, True), (security.ca_file, False)}
    if isinstance(ecosystem.registry, NamedRegistry):
        files.add((ecosystem.registry.ca_file, False))
    return {(file, own) for file, own in files if file}


def _looked_at(path: Path, now: datetime, *, own: bool) -> Iterator[Result]:
    """Look at our own certificate (the first of its file), or at that of several authorities which lasts longest."""
    try:
        ends = [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(path.read_bytes())]
    except (OSError, ValueError) as failure:
        why = (
            strerror(failure.errno).lower() if isinstance(failure, OSError) and failure.errno else "no PEM certificate"
        )
        yield Result("certificates", Verdict.ILL, f"{path} cannot be read ({why})", "put it where ecosystem.yaml says")
        return
    end = ends[0] if own else max(ends)
    if end - now < SOON:
        verdict, word = (Verdict.ILL, "ended") if end <= now else (Verdict.WARNING, "ends")
        remedy = "let its authority issue another, put it in place, start the roles that use it again"
        yield Result("certificates", verdict, f"{path.name} {word} on {end:%Y-%m-%d %H:%M} UTC", remedy)
