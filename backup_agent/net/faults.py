"""What the failures of the HTTP library mean to us."""

from __future__ import annotations

import ssl

import httpx

from backup_agent.errors import HostRefused, HostUnreachable


def broken(host: str, error: httpx.TransportError) -> HostUnreachable | HostRefused:
    """What a failed exchange means. The library's text may quote what was sent, so it is not shown (T5)."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return HostRefused(host, "its certificate does not prove its name")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return HostUnreachable(host, "no connection could be made")
    if isinstance(error, httpx.TimeoutException):
        return HostUnreachable(host, "it was silent for too long")
    return HostUnreachable(host, "it dropped the connection")
