"""`penstock read`: a recipient's view as plain records."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from ..schemas.errors import KeyUnavailableError, RecordError
from .recipient import open_view


def records(
    directory: Path, agreement: str, gateway: str, bootstrap: str, *, follow: bool
) -> Iterator[Mapping[str, Any]]:
    """Yield the values of a view, to its present end or, with `follow`, for ever.

    A record that cannot be opened is told on standard error, and the others go on. Without `gateway` the ecosystem in
    `directory` says where it is, and whose token to use.
    """
    where, token = _access(directory, agreement, gateway)
    with open_view(agreement, gateway=where, token=token, bootstrap=bootstrap or None) as view:
        ended = False
        while not ended:
            try:
                for record in view if follow else view.to_end():
                    yield record.value
                ended = True
            except (KeyUnavailableError, RecordError) as closed:
                typer.echo(f"penstock: {closed}", err=True)


def _access(directory: Path, agreement: str, gateway: str) -> tuple[str, str]:
    import os

    token = os.environ.get("PENSTOCK_TOKEN", "")
    if gateway and token:
        return gateway, token
    from .in_force import generation_in_force, held_agreement
    from .wiring import Wiring

    wiring = Wiring(directory)
    recipient = held_agreement(generation_in_force(wiring), agreement).agreement.recipient
    return gateway or wiring.gateway_url(), wiring.token_of(recipient)
