"""What a URI of a Milvus store names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from mien.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """file: of milvus-lite, or None for a server.    prefix: of the names of collections, one a gallery."""

    uri: str
    file: Path | None
    database: str
    token: str
    prefix: str


def parse_uri(uri: str) -> Place:
    """``milvus://folder/file.db``, or ``milvus[+https]://[user:password@]host:port[/database]``, with
    ``?token=…`` and ``?prefix=…``.

    >>> parse_uri("milvus:///srv/faces.db").file.as_posix()
    '/srv/faces.db'
    >>> parse_uri("milvus://localhost:19530/door?prefix=staff")
    Place(uri='http://localhost:19530', file=None, database='door', token='', prefix='staff')
    """
    parts = urlsplit(uri)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    prefix = asked.pop("prefix", "mien")
    token = asked.pop("token", "")
    if asked or parts.scheme not in ("milvus", "milvus+https") or not prefix.isidentifier():
        raise InputError(
            f"{without_secrets(uri)} is no URI of Milvus: use milvus://file.db or milvus://host:port"
        )
    path = unquote(parts.path)
    if parts.scheme == "milvus" and (path or parts.netloc).endswith(".db"):
        file = Path(parts.netloc + path).expanduser()
        return Place(str(file), file, "", "", prefix)
    try:
        host, port = parts.hostname, parts.port or 19530
    except ValueError as error:
        raise InputError(f"{without_secrets(uri)} names no port: write milvus://host:port") from error
    if not host:
        raise InputError(
            f"{without_secrets(uri)} names no host: write milvus://host:port, or a file ending in .db"
        )
    if parts.username:
        token = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    scheme = "https" if parts.scheme == "milvus+https" else "http"
    host = f"[{host}]" if ":" in host else host
    return Place(f"{scheme}://{host}:{port}", None, path.strip("/"), token, prefix)


def without_secrets(uri: str) -> str:
    """The URI as an error may show it.

    >>> without_secrets("postgresql://me:secret@server/faces?password=secret")
    'server/faces'
    """
    return uri.partition("?")[0].rpartition("@")[2]
