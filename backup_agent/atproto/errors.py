"""What can go wrong with atproto's formats, and whose fault it is.

AtprotoError
├── InvalidSyntax         text that is no DID, handle, NSID, record key, TID or at-uri
├── IdentityFault         what a directory or web host says of an account cannot be used
│   ├── BadDidDocument    not a DID document, or another account's
│   ├── NoSigningKey      a good document without a key to check the repository with
│   ├── NoPds             a good document without a host
│   └── InvalidPlcLog     the log does not prove itself
└── RepositoryFault       what a host serves of a repository cannot be proved; record nothing
    ├── InvalidCommit     the commit block, its owner or its signature
    ├── InvalidTree       a node of the Merkle search tree
    └── InvalidRecord     a record that may link blobs, and does not decode
"""

from __future__ import annotations

from pail import CID


class AtprotoError(Exception):
    """Any error of this package."""


class InvalidSyntax(AtprotoError, ValueError):
    """`text` is not what `kind` says."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"not a valid {kind}: {text[:80]!r}")
        self.kind = kind
        self.text = text


class IdentityFault(AtprotoError):
    """What is said of the account `did` cannot be used, because of `cause`."""

    what = "identity"

    def __init__(self, did: str, cause: str) -> None:
        super().__init__(f"{self.what} of {did}: {cause}")
        self.did = did
        self.cause = cause


class BadDidDocument(IdentityFault):
    """The bytes are no DID document of this account."""

    what = "DID document"


class NoSigningKey(BadDidDocument):
    """There is no atproto signing key, so no repository can be checked."""


class NoPds(BadDidDocument):
    """There is no personal data server, so no host to ask."""


class InvalidPlcLog(IdentityFault):
    """An operation is malformed, misplaced or not signed by who may; `cause` names it."""

    what = "PLC log"


class RepositoryFault(AtprotoError):
    """The block `cid` of a repository is refused because of `cause`."""

    what = "block"

    def __init__(self, cid: CID, cause: str) -> None:
        super().__init__(f"{self.what} {cid}: {cause}")
        self.cid = cid
        self.cause = cause


class InvalidCommit(RepositoryFault):
    """The commit is malformed, another account's, or not signed by its key."""

    what = "commit"


class InvalidTree(RepositoryFault):
    """The tree node `cid` is malformed or in the wrong place.

    key: the record path at fault, if it is one entry's.
    """

    what = "tree node"

    def __init__(self, cid: CID, cause: str, key: bytes | None = None) -> None:
        at = "" if key is None else f", at key {key.decode('ascii', 'backslashreplace')[:1100]!r}"
        super().__init__(cid, cause + at)
        self.key = key


class InvalidRecord(RepositoryFault):
    """What the record at `path` links cannot be known, since it does not decode to a map."""

    what = "record"

    def __init__(self, cid: CID, cause: str, path: str) -> None:
        super().__init__(cid, f"{cause}, at {path}")
        self.path = path
