"""Who an account is: its DID, the key that signs its commits, and the host that serves it.

The DID document says who hosts an account, never the host (T6). A did:plc document is believed only as
far as the directory's own signed log proves it; a handle only if its domain and the document name each
other.
Source: https://atproto.com/specs/did, https://atproto.com/specs/handle
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backup_agent.atproto.did_document import DidDocument, decode_did_document
from backup_agent.atproto.errors import IdentityFault, NoPds
from backup_agent.atproto.plc import PlcState, verify_plc_log
from backup_agent.directory import Directory, web_document
from backup_agent.handle import TxtLookup, dns_txt, is_account_did, look_up_handle, parse_account
from backup_agent.identity_errors import (
    DidTombstoned,
    HandleNotClaimed,
    IdentityError,
    InvalidAccount,
    InvalidDidDocument,
    LyingDirectory,
    NoHost,
)
from backup_agent.net import Http, check_url


@dataclass(frozen=True, slots=True)
class Identity:
    """An account as its DID document and, for did:plc, its log establish it.

    handle: confirmed both ways; None when the account claims none, or one that does not lead back to it.
    claimed_handle: what the document claims, confirmed or not.
    pds: origin of the host, `https://host` with an optional port and no path.
    signing_key: did:key.
    document, plc_log: as received; the log is None for did:web.
    """

    did: str
    handle: str | None
    claimed_handle: str | None
    pds: str
    signing_key: str
    document: bytes = field(repr=False)
    plc_log: bytes | None = field(repr=False)


class Resolver:
    """Establishes identities.

    plc_url: the PLC directory. txt: passed in by tests.
    """

    def __init__(self, http: Http, *, plc_url: str, txt: TxtLookup = dns_txt) -> None:
        self._http, self._txt = http, txt
        self._directory = Directory(http, plc_url)

    async def resolve(self, account: str) -> Identity:
        """The identity of a handle or DID. For a DID, a handle that does not lead back is no error.

        Raises InvalidAccount, another IdentityError, HostRefused, HostUnreachable or HostError.
        """
        name = parse_account(account)
        if is_account_did(name):
            return await self._of_did(name)
        did = await look_up_handle(name, txt=self._txt, fetch=self._http.fetch)
        if not is_account_did(did):
            raise InvalidAccount(did)
        known, document, plc_log = await self._established(did)
        if known.handle != name:
            raise HandleNotClaimed(name, did)
        return self._identity(known, name, document, plc_log)

    async def _of_did(self, did: str) -> Identity:
        known, document, plc_log = await self._established(did)
        confirmed = known.handle if await self._leads_back(known.handle, did) else None
        return self._identity(known, confirmed, document, plc_log)

    async def _leads_back(self, handle: str | None, did: str) -> bool:
        """One attempt, since an account whose handle is out of order can still be backed up."""
        if handle is None:
            return False
        try:
            return did == await look_up_handle(handle, txt=self._txt, fetch=self._http.fetch_once)
        except IdentityError:
            return False

    async def _established(self, did: str) -> tuple[DidDocument, bytes, bytes | None]:
        """The document's content, its bytes, and the log that proves it."""
        if did.startswith("did:web:"):
            document = await web_document(self._http, did)
            return _decode(document, did), document, None
        try:
            return await self._from_directory(did)
        except LyingDirectory:  # or an operation that arrived between the two requests
            return await self._from_directory(did)

    async def _from_directory(self, did: str) -> tuple[DidDocument, bytes, bytes]:
        document, plc_log = await self._directory.document(did), await self._directory.log(did)
        known, proved = _decode(document, did), _proved(plc_log, did)
        if lies := proved.contradictions(known):
            raise LyingDirectory(did, self._directory.host, " and ".join(lies))
        return known, document, plc_log

    def _identity(
        self, known: DidDocument, handle: str | None, document: bytes, plc_log: bytes | None
    ) -> Identity:
        check_url(known.pds, allow_private=self._http.allow_private)
        return Identity(known.did, handle, known.handle, known.pds, known.signing_key, document, plc_log)


def _decode(document: bytes, did: str) -> DidDocument:
    try:
        return decode_did_document(did, document)
    except NoPds as error:
        raise NoHost(did, error.cause) from error
    except IdentityFault as error:
        raise InvalidDidDocument(did, str(error)) from error


def _proved(plc_log: bytes, did: str) -> PlcState:
    try:
        proved = verify_plc_log(did, plc_log)
    except IdentityFault as error:
        raise InvalidDidDocument(did, str(error)) from error
    if proved.tombstoned:
        raise DidTombstoned(did)
    return proved
