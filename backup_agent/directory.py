"""Where DID documents come from: the PLC directory, or the host that a did:web names.

Source: https://web.plc.directory/spec/v0.1/did-plc, https://w3c-ccg.github.io/did-method-web
"""

from __future__ import annotations

import httpx

from backup_agent.atproto.did_document import MAX_DOCUMENT_BYTES
from backup_agent.atproto.plc import MAX_LOG_BYTES
from backup_agent.errors import HostError, HostUnreachable
from backup_agent.identity_errors import DidNotFound, DidTombstoned, DirectoryUnreachable, InvalidAccount
from backup_agent.net import Http, Request
from backup_agent.net.url import host_of, is_localhost


class Directory:
    """The PLC directory at `url`. Its methods give bytes as received; they prove nothing yet.

    They raise DidNotFound, DidTombstoned, DirectoryUnreachable, HostRefused.
    """

    def __init__(self, http: Http, url: str) -> None:
        self._http, self._url = http, url.rstrip("/")
        self.host = host_of(httpx.URL(self._url))

    async def document(self, did: str) -> bytes:
        """The DID document that the directory derives from its log."""
        return await self._get(did, did, MAX_DOCUMENT_BYTES)

    async def log(self, did: str) -> bytes:
        """The audit log: every operation, the nullified ones too."""
        return await self._get(did, f"{did}/log/audit", MAX_LOG_BYTES)

    async def _get(self, did: str, path: str, limit_bytes: int) -> bytes:
        try:
            answer = await self._http.fetch(Request(f"{self._url}/{path}", limit_bytes=limit_bytes))
        except (HostUnreachable, HostError) as error:
            raise DirectoryUnreachable(self.host, error.why) from error
        if answer.status == 404:
            raise DidNotFound(did, f"the PLC directory at {self.host}")
        if answer.status == 410:
            raise DidTombstoned(did)
        if answer.status != 200:
            raise DirectoryUnreachable(self.host, f"status {answer.status}")
        return answer.content


async def web_document(http: Http, did: str) -> bytes:
    """The document of a did:web, as received from the host that the DID is.

    A port is for `localhost` alone, and that for test beds. A path, which is no host's, is none here.
    Raises InvalidAccount, DidNotFound, HostRefused, HostUnreachable, HostError.
    """
    host, _, port = did.removeprefix("did:web:").lower().partition("%3a")
    if ":" in host or (port and not is_localhost(host)):
        raise InvalidAccount(did)
    origin = f"http://{host}:{port}" if port else f"https://{host}"
    answer = await http.fetch(Request(f"{origin}/.well-known/did.json", limit_bytes=MAX_DOCUMENT_BYTES))
    if answer.status in (404, 410):
        raise DidNotFound(did, f"host {host}")
    if answer.status != 200:
        raise HostError(host, f"status {answer.status} instead of a DID document", status=answer.status)
    return answer.content
