"""Which URLs a request may go to (T4). Stricter than any parser, so that no two read a URL differently.

Taken: `https`, a plain ASCII host name or a canonical IP literal, a port that is 443 or unprivileged,
no user information. Under `allow_private` also `http`, to loopback alone.
Source: https://url.spec.whatwg.org, https://fetch.spec.whatwg.org/#bad-port
"""

from __future__ import annotations

import re

import httpx
import idna

from backup_agent.errors import HostRefused
from backup_agent.net.address import is_loopback, parse_address, why_not_public

MAX_URL_CHARS = 4096
MAX_HOST_CHARS = 253

_BAD_PORTS = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080)
)
_IF_MEANT = "set SKYPAIL_ALLOW_PRIVATE_HOSTS=1 if you mean it"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}", re.ASCII)
_ENDS_IN_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_SHAPE = re.compile(r"(https?)://([^/?#\\@\s%]+)(?:[/?#][!-\[\]-~]*)?", re.ASCII | re.IGNORECASE)


def check_url(text: str, *, allow_private: bool) -> httpx.URL:
    """The URL of `text`, when a request may go there as far as the text shows; names are resolved later.

    Raises HostRefused, which never quotes path or query: they may hold secrets.
    """
    shape = _SHAPE.fullmatch(text) if len(text) <= MAX_URL_CHARS else None
    if shape is None or not shape[2].isascii():
        raise HostRefused("", "a URL must be plain, and begin with https://, or with http:// on this machine")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise HostRefused(shape[2], "its URL cannot be read") from error
    host = host_of(url)
    _check_host(host, allow_private=allow_private)
    if url.scheme != "https" and not (allow_private and _names_loopback(host)):
        raise HostRefused(host, "it does not use https")
    _check_port(host, url.port)
    return url


def host_of(url: httpx.URL) -> str:
    """The name that is resolved, in ASCII and lower case; `url.host` would undo punycode."""
    return url.raw_host.decode("ascii").lower()


def is_localhost(host: str) -> bool:
    """`localhost` and the names below it, which are loopback and are never asked of DNS (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost")


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port: credentials never leave the origin that they were meant for."""
    return url.scheme, host_of(url), url.port or (443 if url.scheme == "https" else 80)


def _names_loopback(host: str) -> bool:
    address = parse_address(host)
    return is_localhost(host) or (address is not None and is_loopback(address))


def _check_host(host: str, *, allow_private: bool) -> None:
    if allow_private and _names_loopback(host):
        return
    address = parse_address(host)
    if address is not None:
        if kind := why_not_public(address):
            hint = f"; {_IF_MEANT}" if is_loopback(address) else ""
            raise HostRefused(host, f"the address is not public ({kind}){hint}")
        return
    if is_localhost(host):
        raise HostRefused(host, f"it is this machine itself; {_IF_MEANT}")
    if len(host) > MAX_HOST_CHARS or not _HOST_NAME.fullmatch(host):
        raise HostRefused(host, "it is not a plain host name")
    if _ENDS_IN_NUMBER.fullmatch(host.rpartition(".")[2]):
        raise HostRefused(host, "it is neither a host name nor a plainly written address")
    try:
        idna.decode(host)
    except idna.IDNAError as error:
        raise HostRefused(host, "its punycode cannot be read") from error


def _check_port(host: str, port: int | None) -> None:
    if port is not None and port != 443 and (not 1024 <= port <= 65535 or port in _BAD_PORTS):
        raise HostRefused(host, f"port {port} is not one for the web")
