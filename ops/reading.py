"""`penstock read`: a recipient's view as plain records."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from ..schemas.errors import KeyUnavailableError, RecordError
from .recipient import open_view
from .recipient_keys import KEY_FILES


def records(
    directory: Path, agreement: str, gateway: str, bootstrap: str, *, follow: bool
) -> Iterator[Mapping[str, Any]]:
    """Yield the values of a view, to its present end or, with `follow`, for ever.

    A record that cannot be opened is told on standard error, and the others go on. Without `gateway` the ecosystem in
    `directory` says where it is, and whose token to use.
    """
    found = _access(directory, agreement, gateway)
    with open_view(agreement, **found, bootstrap=bootstrap or None) as view:
        ended = False
        while not ended:
            try:
                for record in view if follow else view.to_end():
                    yield record.value
                ended = True
            except (KeyUnavailableError, RecordError) as closed:
                typer.echo(f"penstock: {closed}", err=True)


def _access(directory: Path, agreement: str, gateway: str) -> dict[str, Any]:
    """Return the gateway, whom to believe, the recipient's token, and how the recipient proves itself to Kafka."""
    token = os.environ.get("PENSTOCK_TOKEN", "")
    if gateway and token:
        return {"gateway": gateway, "token": token, "security": _login()}
    from ..schemas.principals import member_principal
    from .in_force import generation_in_force, held_agreement
    from .wiring import Wiring

    wiring = Wiring(directory)
    recipient = held_agreement(generation_in_force(wiring), agreement).agreement.recipient
    here = sorted(wiring.home.recipient_keys(recipient).glob("*.key"))
    return {
        "key_files": [] if KEY_FILES in os.environ else here,
        "gateway": gateway or wiring.gateway_url(),
        "token": wiring.token_of(recipient),
        "ca_file": wiring.gateway_ca(),
        "security": wiring.cluster(member_principal(recipient)).security,
    }


def _login() -> dict[str, str]:
    """Return user and password of a recipient elsewhere, and whose certificate of Kafka's it believes."""
    names = {
        "sasl.username": "PENSTOCK_KAFKA_USER",
        "sasl.password": "PENSTOCK_KAFKA_PASSWORD",
        "ssl.ca.location": "PENSTOCK_KAFKA_CA_FILE",
    }
    return {key: said for key, name in names.items() if (said := os.environ.get(name))}
