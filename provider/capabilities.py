"""The abilities of a provider, and their caveats as they stand on the wire.

Source: @storacha/capabilities 2.3.1, space/blob, space/index, space/content, upload, upload/shard, access,
consumer, plan, filecoin/storefront; @web3-storage/content-claims, assert
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from pail import CAR, CID, DecodeError, Value
from pail.fields import Fields
from provider.digest import is_digest
from provider.errors import BlobSizeOutsideOfSupportedRange, DigestNotSupported
from ucan import Capability, Definition, is_did, no_caveats, take_link

MAX_BLOB_BYTES = 127 << 25
"""The original's limit."""

MAX_PAGE = 1000
MAX_LINKS = 1024
"""Of one list or map of links."""

MAX_TEXT_CHARS = 1024


class Blob(NamedTuple):
    """digest: its multihash."""

    digest: bytes
    size: int

    def check(self) -> None:
        """Raises DigestNotSupported, BlobSizeOutsideOfSupportedRange."""
        if not is_digest(self.digest):
            raise DigestNotSupported
        if not 0 <= self.size <= MAX_BLOB_BYTES:
            raise BlobSizeOutsideOfSupportedRange(self.size, MAX_BLOB_BYTES)


class List(NamedTuple):
    """cursor: the number of a row, which is not in the page. pre: rows newer than it, not older."""

    cursor: int | None
    size: int
    pre: bool = False


class ShardList(NamedTuple):
    """Of the upload `root`; the cursor is a number of shards to pass over."""

    root: CID
    list: List


class UploadAdd(NamedTuple):
    root: CID
    shards: tuple[CID, ...]


class Retrieve(NamedTuple):
    """What may be read: of every blob where digest is None, of all bytes where range is None.

    range: first and last byte.
    """

    digest: bytes | None
    range: tuple[int, int] | None


class Authorize(NamedTuple):
    """account: the did:mailto that is asked. abilities: what the agent wants to be able to do."""

    account: str | None
    abilities: tuple[str, ...]


class Confirm(NamedTuple):
    """agent: whom `account` gives `abilities`. cause: the `access/authorize` that asked."""

    cause: CID
    account: str
    agent: str
    abilities: tuple[str, ...]


def _take_blob(fields: Fields) -> Blob:
    inner = Fields("blob", fields.take("blob", dict))
    blob = Blob(inner.take("digest", bytes), inner.take("size", int))
    inner.done()
    return blob


def _take_digest(fields: Fields) -> bytes:
    return fields.take("digest", bytes)


def _take_list(fields: Fields) -> List:
    cursor, size = fields.take_optional("cursor", str), fields.take_optional("size", int)
    pre = fields.take_optional("pre", bool)
    if cursor is not None and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 19):
        raise DecodeError("cursor is none that a list was given with")
    wanted = MAX_PAGE if size is None else size
    if wanted < 1:
        raise DecodeError("size is not 1 or more")
    return List(None if cursor is None else int(cursor), min(wanted, MAX_PAGE), bool(pre))


def _take_upload(fields: Fields) -> UploadAdd:
    root = fields.take("root", CID)
    shards = _links("shards", cast("list[Any]", fields.take_optional("shards", list) or []))
    if not all(shard[0] == 1 and shard.codec == CAR for shard in shards):
        raise DecodeError("shards are no CIDs of CARs")
    return UploadAdd(root, shards)


def _take_shard_list(fields: Fields) -> ShardList:
    return ShardList(fields.take("root", CID), _take_list(fields))


def _take_root(fields: Fields) -> CID:
    return fields.take("root", CID)


def _take_index(fields: Fields) -> CID:
    fields.take_optional("content", CID)
    index = take_link(fields, "index")
    if index.codec != CAR:
        raise DecodeError("index is no CID of a CAR")
    return index


def _take_retrieve(fields: Fields) -> Retrieve:
    blob = cast("dict[str, Any] | None", fields.take_optional("blob", dict))
    digest = None
    if blob is not None:
        inner = Fields("blob", blob)
        digest = inner.take("digest", bytes)
        inner.done()
    span = cast("list[Any] | None", fields.take_optional("range", list))
    return Retrieve(digest, None if span is None else _range(span))


def _range(span: list[Any]) -> tuple[int, int]:
    match span:
        case [int(first), int(last)] if type(first) is int and type(last) is int and 0 <= first <= last:
            return first, last
        case _:
            raise DecodeError("range is not its first and its last byte")


def _is_within(claimed: Value, delegated: Value) -> bool:
    return delegated[0] <= claimed[0] and claimed[1] <= delegated[1]


def _take_delegations(fields: Fields) -> tuple[CID, ...]:
    links = cast("dict[str, Any]", fields.take("delegations", dict))
    return _links("delegations", list(links.values()))


def _take_authorize(fields: Fields) -> Authorize:
    account = fields.take_optional("iss", str)
    if account is not None and not is_account(account):
        raise DecodeError("iss is no did:mailto")
    return Authorize(account, _take_abilities(fields))


def _take_confirm(fields: Fields) -> Confirm:
    cause = take_link(fields, "cause")
    account, agent = fields.take("iss", str), fields.take("aud", str)
    if not is_account(account) or not is_did(agent):
        raise DecodeError("iss is no did:mailto, or aud no DID")
    return Confirm(cause, account, agent, _take_abilities(fields))


def _take_abilities(fields: Fields) -> tuple[str, ...]:
    wanted = cast("list[Value]", fields.take("att", list))
    if len(wanted) > MAX_LINKS:
        raise DecodeError("att is too long")
    abilities: list[str] = []
    for each in wanted:
        inner = Fields("att", each)
        abilities.append(inner.take("can", str))
        inner.done()
    return tuple(abilities)


def _take_consumer(fields: Fields) -> str:
    consumer = fields.take("consumer", str)
    if not is_did(consumer):
        raise DecodeError("consumer is no DID")
    return consumer


def _take_offer(fields: Fields) -> CID:
    fields.take("content", CID)
    fields.take_optional("PDP", CID)
    return fields.take("piece", CID)


def _links(name: str, values: list[Any]) -> tuple[CID, ...]:
    if len(values) > MAX_LINKS or not all(isinstance(value, CID) for value in values):
        raise DecodeError(f"{name} are not {MAX_LINKS} links at most")
    return tuple(dict.fromkeys(cast("list[CID]", values)))


def is_space(did: str) -> bool:
    """Spaces are did:keys."""
    return did.startswith("did:key:") and is_did(did)


def is_account(did: str) -> bool:
    """Accounts are mail addresses: did:mailto:example.com:name."""
    return did.startswith("did:mailto:") and is_did(did) and did.count(":") == 3


def _is_claimant(did: str) -> bool:
    return is_space(did) or is_account(did)


BLOB_ADD = Definition("space/blob/add", _take_blob, is_space)
BLOB_LIST = Definition("space/blob/list", _take_list, is_space)
BLOB_REMOVE = Definition("space/blob/remove", _take_digest, is_space)
BLOB_GET = Definition("space/blob/get/0/1", _take_digest, is_space)
INDEX_ADD = Definition("space/index/add", _take_index, is_space)
SPACE_INFO = Definition("space/info", no_caveats, is_space)
UPLOAD_ADD = Definition("upload/add", _take_upload, is_space)
UPLOAD_LIST = Definition("upload/list", _take_list, is_space)
UPLOAD_SHARD_LIST = Definition("upload/shard/list", _take_shard_list, is_space)
UPLOAD_GET = Definition("upload/get", _take_root, is_space)
UPLOAD_REMOVE = Definition("upload/remove", _take_root, is_space)
RETRIEVE = Definition("space/content/retrieve", _take_retrieve, is_space, {"range": _is_within})
SERVE = Definition("space/content/serve/transport/http", no_caveats, is_space)
AUTHORIZE = Definition("access/authorize", _take_authorize, is_space)
CONFIRM = Definition("access/confirm", _take_confirm)
CLAIM = Definition("access/claim", no_caveats, _is_claimant)
DELEGATE = Definition("access/delegate", _take_delegations, is_space)
CONSUMER_HAS = Definition("consumer/has", _take_consumer)
PLAN_GET = Definition("plan/get", no_caveats, is_account)
CONCLUDE = Definition("ucan/conclude", lambda fields: fields.take("receipt", CID))
FILECOIN_OFFER = Definition("filecoin/offer", _take_offer)

READS = frozenset(
    definition.can
    for definition in (
        BLOB_LIST,
        BLOB_GET,
        SPACE_INFO,
        UPLOAD_LIST,
        UPLOAD_SHARD_LIST,
        UPLOAD_GET,
        CLAIM,
        CONSUMER_HAS,
        PLAN_GET,
    )
)
"""What changes nothing, so that no receipt of it is kept."""


def blob_value(blob: Blob) -> Value:
    """As it stands in caveats and lists."""
    return {"digest": blob.digest, "size": blob.size}


def capability(can: str, resource: str, **nb: Value) -> Capability:
    """With these caveats."""
    return Capability(can, resource, dict(nb))
