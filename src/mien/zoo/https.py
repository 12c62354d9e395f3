"""HTTPS as the model store wants it: verified, never downgraded, quick to give up on a silent host."""

from __future__ import annotations

import os
import ssl
from http.client import HTTPMessage, HTTPSConnection
from typing import IO, Any
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


def open_https(address: str) -> Any:
    """Open an https address: a response to read from and to close; the proxies of the environment apply.

    raises: OSError where the host does not answer or answers with an error.
    """
    if not address.startswith("https://"):
        raise URLError(f"{address} is not an https address")
    opener = build_opener(_Https(context=_trust()), _HttpsOnly())
    request = Request(address, headers={"User-Agent": "mien", "Accept-Encoding": "identity"})
    return opener.open(request, timeout=CONNECT_SECONDS)


def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    # The certificates that the user already told pip or requests to trust (company proxies).
    for name in ("REQUESTS_CA_BUNDLE", "PIP_CERT"):
        path = os.environ.get(name)
        if path and os.path.isfile(path):
            context.load_verify_locations(cafile=path)
    return context


class _Patient(HTTPSConnection):
    """Little time to connect, more between two reads."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _Https(HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._trusted = context

    def https_open(self, req: Request) -> Any:
        return self.do_open(_Patient, req, context=self._trusted)


class _HttpsOnly(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if not newurl.startswith("https://"):
            raise URLError("it redirects to an address that is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
