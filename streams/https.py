"""Asking over HTTP as clients of ours do: whom they believe, and nothing sent anywhere but to the stated address."""

import ssl
import urllib.request
from os import strerror
from typing import Any

from ..schemas.errors import ConfigurationError

Certificate = tuple[str, str]
"""Files of a client certificate (with its chain) and its key, PEM."""


def opener(
    place: str, ca_file: str | None = None, certificate: Certificate | None = None
) -> urllib.request.OpenerDirector:
    """Return what asks: no redirects, and no proxy from the environment.

    `ca_file` names the certificates to trust instead of the system's. Raises ConfigurationError for a file that cannot
    be used.
    """
    named = ca_file
    try:
        tls = ssl.create_default_context(cafile=ca_file)
        if certificate:
            named = certificate[0]
            tls.load_cert_chain(*certificate)
    except OSError as failure:
        why = strerror(failure.errno).lower() if failure.errno else type(failure).__name__
        msg = f"the certificates cannot be read ({why})"
        raise ConfigurationError(msg, place=named or place, remedy="name a PEM file") from None
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls), _NoRedirect()
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: credentials and schemas go to the stated address only."""
