"""What a `space/blob/add` leads to: allocate, put, accept, and their receipts. Pure, and the same each time.

    allocate  the provider   room at a URL for the blob
    put       whoever sends  an HTTP PUT there; its principal is made of the digest, so anybody may sign
    accept    the provider   the blob is in the space: the receipt links a claim of where it can be had

Invocations never expire and have no nonce, signatures are deterministic: so none of them is kept but
by its CID, and all can be made again from an allocation.

Source: @storacha/upload-api 2.8.4, blob/add, blob/accept, ucan/conclude
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pail import CID, Block, Value
from pail.varint import encode_varint
from provider.capabilities import CONCLUDE, Blob, blob_value, capability
from provider.digest import name_of
from provider.records import Allocation
from ucan import (
    Capability,
    Delegation,
    NamedSigner,
    Outcome,
    Receipt,
    Signer,
    delegate,
    encode_did,
    issue_receipt,
)
from ucan.multikey import ED25519

_ED25519_PRIVATE = encode_varint(0x1300)
_ED25519_PUBLIC = encode_varint(ED25519)


class Tasks(NamedTuple):
    """The invocations that one `space/blob/add` led to."""

    allocate: Delegation
    put: Delegation
    accept: Delegation


class Address(NamedTuple):
    """Where to put a blob."""

    url: str
    expires_at_unix: int


def tasks_of(issuer: NamedSigner, space: str, blob: Blob, cause: CID) -> Tasks:
    """cause: the `space/blob/add`."""
    described: dict[str, Value] = {"blob": blob_value(blob), "space": encode_did(space)}
    allocate = _task(issuer, capability("blob/allocate", issuer.did, cause=cause, **described))
    put = put_task(blob, allocate.cid)
    accept = _task(
        issuer, capability("blob/accept", issuer.did, _put=_await(".out.ok", put.cid), **described)
    )
    return Tasks(allocate, put, accept)


def tasks_of_allocation(issuer: NamedSigner, allocation: Allocation) -> Tasks:
    """Those that it was made for."""
    blob = Blob(allocation.digest, allocation.size)
    return tasks_of(issuer, allocation.space, blob, allocation.cause)


def allocated(issuer: NamedSigner, tasks: Tasks, blob: Blob, address: Address | None) -> Receipt:
    """The receipt of allocate; with no address the space holds the blob already."""
    if address is None:
        return issue_receipt(issuer, tasks.allocate, Outcome({"size": 0}))
    where: Value = {"url": address.url, "headers": {}, "expires": address.expires_at_unix}
    return issue_receipt(issuer, tasks.allocate, Outcome({"size": blob.size, "address": where}))


def delivered(blob: Blob, tasks: Tasks) -> Receipt:
    """The receipt of put."""
    return issue_receipt(holder_of(blob.digest), tasks.put, Outcome({}))


def accepted(issuer: NamedSigner, tasks: Tasks, allocation: Allocation, base_url: str) -> Receipt:
    """The receipt of accept, with the claim of where the blob can be had."""
    claim = _claim(issuer, allocation, f"{base_url}/blob/{name_of(allocation.digest)}")
    return issue_receipt(issuer, tasks.accept, Outcome({"site": claim.cid}, fork=(claim,)))


def add_outcome(issuer: NamedSigner, tasks: Tasks, receipts: Iterable[Receipt]) -> Outcome:
    """What `space/blob/add` answers: the tasks, and what is known of them, each as a `ucan/conclude`."""
    known = [conclusion(issuer, receipt) for receipt in receipts]
    site = _await(".out.ok.site", tasks.accept.cid)
    return Outcome({"site": site}, fork=(tasks.allocate, tasks.put, tasks.accept, *known))


def holder_of(digest: bytes) -> Signer:
    """The principal of whoever has the bytes: its key is their hash."""
    return Signer.from_seed(digest[-32:])


def put_task(blob: Blob, allocate: CID) -> Delegation:
    """The `http/put` that awaits `allocate`; by nobody in particular, so that the same is made anywhere."""
    holder = holder_of(blob.digest)
    key = _ED25519_PRIVATE + holder.seed + _ED25519_PUBLIC + holder.verifier.public_key.key
    wanted = capability(
        "http/put",
        holder.did,
        body=blob_value(blob),
        url=_await(".out.ok.address.url", allocate),
        headers=_await(".out.ok.address.headers", allocate),
    )
    keys: dict[str, Value] = {"keys": {"id": holder.did, "keys": {holder.did: key}}}
    return delegate(holder, holder.did, [wanted], expires_at_unix=None, facts=[keys])


def _claim(issuer: NamedSigner, allocation: Allocation, url: str) -> Delegation:
    where = capability(
        "assert/location",
        issuer.did,
        content={"digest": allocation.digest},
        location=[url],
        space=encode_did(allocation.space),
    )
    return delegate(issuer, allocation.space, [where], expires_at_unix=None)


def conclusion(issuer: NamedSigner, receipt: Receipt) -> Delegation:
    """A `ucan/conclude` of a receipt, with its blocks: how one goes along with another."""
    blocks = dict(receipt.export())
    links: dict[str, Value] = {str(number): cid for number, cid in enumerate(blocks)}
    return delegate(
        issuer,
        issuer.did,
        [capability(CONCLUDE.can, issuer.signer.did, receipt=receipt.cid)],
        expires_at_unix=None,
        facts=[links],
        attached=[Block(cid, data) for cid, data in blocks.items()],
    )


def _task(issuer: NamedSigner, wanted: Capability) -> Delegation:
    return delegate(issuer, issuer.did, [wanted], expires_at_unix=None)


def _await(selector: str, task: CID) -> Value:
    return {"ucan/await": [selector, task]}
