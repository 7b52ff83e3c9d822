"""The signed commit at the root of a repository, version 3.

The signature covers the DAG-CBOR of the commit without `sig`, and is checked against the key
that the account's DID document names, never against one that the host hands out (T6).

Source: https://atproto.com/specs/repository
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from backup_agent.atproto.errors import InvalidCommit, InvalidSyntax
from backup_agent.atproto.syntax import parse_did, parse_tid
from pail import CID, DAG_CBOR, DecodeError, TooLarge, decode_dag_cbor, encode_dag_cbor
from ucan import BadSignature, InvalidPrincipal, Verifier

VERSION = 3
SIGNATURE_BYTES = 64

_FIELDS = {"did", "version", "data", "rev", "prev", "sig"}


class Commit(NamedTuple):
    """A well-formed commit; `verify_commit` says whether it is the account's."""

    cid: CID
    did: str
    rev: str
    """A TID; those of later commits sort behind it."""
    root: CID
    """Of the tree of records; the field `data`."""
    previous: CID | None
    signature: bytes
    signed: bytes
    """What the signature covers."""


def decode_commit(cid: CID, data: bytes) -> Commit:
    """The commit of `data`, which hashes to `cid`. Raises InvalidCommit."""
    try:
        value = decode_dag_cbor(data)
    except (DecodeError, TooLarge) as error:
        raise InvalidCommit(cid, str(error)) from error
    if not isinstance(value, dict):
        raise InvalidCommit(cid, "it is no map")
    fields = cast(dict[str, Any], value)
    version = fields.get("version")
    if type(version) is not int or version != VERSION:
        raise InvalidCommit(cid, f"version {version!r:.20}, not {VERSION}")
    if set(fields) != _FIELDS:
        raise InvalidCommit(cid, f"it has not exactly the fields {', '.join(sorted(_FIELDS))}")
    did, rev = _parse_texts(cid, fields)
    root, previous, signature = fields["data"], fields["prev"], fields.pop("sig")
    if not isinstance(root, CID) or root.codec != DAG_CBOR:
        raise InvalidCommit(cid, "its data is no link to a DAG-CBOR block")
    if previous is not None and not isinstance(previous, CID):
        raise InvalidCommit(cid, "its prev is neither null nor a link")
    if type(signature) is not bytes or len(signature) != SIGNATURE_BYTES:
        raise InvalidCommit(cid, f"its signature is not {SIGNATURE_BYTES} bytes")
    return Commit(cid, did, rev, root, previous, signature, encode_dag_cbor(fields))


def verify_commit(commit: Commit, *, did: str, signing_key: str) -> None:
    """Return if `commit` is of account `did` and signed by `signing_key`, a did:key.

    Raises InvalidCommit.
    """
    if commit.did != did:
        raise InvalidCommit(commit.cid, f"it is the commit of {commit.did}, not of {did}")
    try:
        Verifier.parse(signing_key).verify(commit.signed, commit.signature)
    except (InvalidPrincipal, BadSignature) as error:
        raise InvalidCommit(commit.cid, str(error)) from error


def _parse_texts(cid: CID, fields: dict[str, Any]) -> tuple[str, str]:
    did, rev = fields["did"], fields["rev"]
    if not (isinstance(did, str) and isinstance(rev, str)):
        raise InvalidCommit(cid, "its did and rev are not both text")
    try:
        return parse_did(did), parse_tid(rev)
    except InvalidSyntax as error:
        raise InvalidCommit(cid, str(error)) from error
