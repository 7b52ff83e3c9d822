"""What can go wrong before a host is asked; each text is one sentence for the user.

AgentError
└── IdentityError              it cannot be established who the account is, or where it lives
    ├── InvalidAccount         neither a handle nor a DID; the caller's mistake
    ├── HandleNotFound         nobody answers for this handle
    ├── HandleConflict         its DNS records name several DIDs
    ├── HandleNotClaimed       the DID document does not claim the handle
    ├── DidNotFound            the directory or the web host does not know the DID
    ├── DidTombstoned          the account's owner ended the DID for good
    ├── InvalidDidDocument     the document or the log is not what the specification says
    ├── NoHost                 the document names no PDS
    ├── LyingDirectory         the directory's document differs from what its own log proves
    └── DirectoryUnreachable   the PLC directory does not answer; try later
"""

from __future__ import annotations

from backup_agent.errors import AgentError


class IdentityError(AgentError):
    """It cannot be established who the account is, or where it lives."""


class InvalidAccount(IdentityError, ValueError):
    def __init__(self, account: str) -> None:
        super().__init__(f"{account[:80]!r} is neither a handle nor a DID; write it like alice.example.com")
        self.account = account


class HandleNotFound(IdentityError):
    def __init__(self, handle: str, why: str, advice: str = "") -> None:
        advice = advice or "check its spelling or give the account's DID"
        super().__init__(f"unknown handle {handle}: {why}; {advice}")
        self.handle = handle


class HandleConflict(IdentityError):
    def __init__(self, handle: str) -> None:
        super().__init__(f"the DNS records of handle {handle} name several DIDs; give the account's DID")
        self.handle = handle


class HandleNotClaimed(IdentityError):
    def __init__(self, handle: str, did: str) -> None:
        super().__init__(f"handle {handle} names {did}, whose DID document does not claim it; give the DID")
        self.handle, self.did = handle, did


class DidNotFound(IdentityError):
    def __init__(self, did: str, where: str) -> None:
        super().__init__(f"{where} does not know {did}; check its spelling")
        self.did = did


class DidTombstoned(IdentityError):
    def __init__(self, did: str) -> None:
        super().__init__(f"{did} was ended for good by its owner (tombstone): no host serves it any more")
        self.did = did


class InvalidDidDocument(IdentityError):
    def __init__(self, did: str, why: str) -> None:
        super().__init__(f"what is said of {did} cannot be trusted: {why}")
        self.did = did


class NoHost(IdentityError):
    def __init__(self, did: str, why: str) -> None:
        super().__init__(f"the DID document of {did} names no PDS to fetch it from: {why}")
        self.did = did


class LyingDirectory(IdentityError):
    def __init__(self, did: str, where: str, field: str) -> None:
        super().__init__(f"{where} gives {did} a document whose {field} differs from what its log proves")
        self.did, self.field = did, field


class DirectoryUnreachable(IdentityError):
    transient = True

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"the PLC directory at {where} cannot be asked ({why}); try again later")
