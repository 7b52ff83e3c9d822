"""What `space/blob/add` answers: where to put the bytes, and which tasks lead to the blob being held.

All of it hangs on the provider's receipt by hashes: its signature covers the tasks, and each
`ucan/conclude` among them covers the receipt of one.

Source: @storacha/upload-client 1.3.11, blob/add; spec/provider.md, 3
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from backup_agent.hosted.asking import fields_of
from pail import CID, Block, PailError, Value
from space.errors import SpaceUnavailable
from ucan import (
    Delegation,
    Outcome,
    Receipt,
    Signer,
    issue_receipt,
    view_delegation,
    view_receipt,
)

MAX_HEADERS = 32

_CONCLUDE = "ucan/conclude"


class Address(NamedTuple):
    """Where to put the bytes."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Promise:
    """address: None if the space holds the blob already. accepted: the receipt of `accept`, if it is known.

    put, accept: the tasks of these names. The audience of accept signs its receipt: the provider itself,
    or a storage node that it names.
    """

    digest: bytes
    address: Address | None
    put: Delegation
    accept: Delegation
    accepted: Receipt | None

    def delivered(self) -> Receipt:
        """The receipt of `put`, by the principal that is made of the blob's digest."""
        return issue_receipt(Signer.from_seed(self.digest[-32:]), self.put, Outcome({}))


def promise_of(url: str, receipt: Receipt, digest: bytes) -> Promise:
    """The promise of a blob. url: of the provider, for the sentence of what is raised: SpaceUnavailable."""
    try:
        return _read(receipt, digest)
    except (PailError, KeyError, ValueError, TypeError) as error:
        raise SpaceUnavailable(
            f"{url} answered space/blob/add with something that makes no sense: {error}"
        ) from error


def _read(receipt: Receipt, digest: bytes) -> Promise:
    forks = [view_delegation(cid, receipt.blocks) for cid in receipt.fork]
    tasks = {fork.ucan.capabilities[0].can: fork for fork in forks}
    allocate, put = _task(tasks, "blob/allocate"), _task(tasks, "http/put")
    accept = _task(tasks, "blob/accept")
    if fields_of(fields_of(put.ucan.capabilities[0].nb).get("body")).get("digest") != digest:
        raise ValueError("the task is about other bytes")
    known = receipts_of(receipt)
    if allocate.cid not in known:
        raise ValueError("it does not say where to put the bytes")
    accepted = known.get(accept.cid)
    is_held = accepted is not None and "ok" in accepted.out
    out = fields_of(known[allocate.cid].out.get("ok"))
    address = None if is_held else _address(out.get("address"))
    return Promise(digest, address, put, accept, accepted if is_held else None)


def _task(tasks: Mapping[str, Delegation], name: str) -> Delegation:
    """Older services call it by a longer name."""
    found = tasks.get(name) or tasks.get(f"web3.storage/{name}")
    if found is None:
        raise ValueError(f"there is no task {name}")
    return found


def receipts_of(receipt: Receipt) -> dict[CID, Receipt]:
    """Receipts that came along, each in a `ucan/conclude` among the effects, by their task; unverified.

    Raises DecodeError, MissingBlock, TooLarge.
    """
    blocks, found = receipt.blocks, dict[CID, Receipt]()
    for fork in (view_delegation(cid, blocks) for cid in receipt.fork):
        capability = fork.ucan.capabilities[0]
        cid: Value = fields_of(capability.nb).get("receipt")
        if capability.can == _CONCLUDE and isinstance(cid, CID):
            known = view_receipt(cid, {**blocks, **fork.blocks})
            found[known.ran] = known
    return found


def _address(value: Value) -> Address | None:
    """None where nothing needs to be put."""
    if value is None:
        return None
    fields = fields_of(value)
    headers = fields.get("headers")
    named = cast("dict[str, Any]", headers) if isinstance(headers, dict) else {}
    if not isinstance(fields.get("url"), str) or len(named) > MAX_HEADERS:
        raise ValueError("the address is none")
    if not all(isinstance(text, str) for text in named.values()):
        raise ValueError("the address has headers that are no texts")
    return Address(fields["url"], named)


def site_of(receipt: Receipt, digest: bytes) -> str | None:
    """Where the blob can be had, by the location claim in the receipt of `accept`; None without one."""
    site: Value = fields_of(receipt.out.get("ok")).get("site")
    if not isinstance(site, CID) or site not in receipt.blocks:
        return None
    claim = view_delegation(site, receipt.blocks).ucan.capabilities[0]
    nb = fields_of(claim.nb)
    location: Any = nb.get("location")
    content = nb.get("content")
    claimed = content.multihash if isinstance(content, CID) else fields_of(content).get("digest")
    if claim.can != "assert/location" or claimed != digest or not isinstance(location, list):
        return None
    urls = [url for url in cast("list[Any]", location) if isinstance(url, str)]
    return urls[0] if urls else None


def attached(receipt: Receipt) -> list[Block]:
    """The receipt's blocks, each once."""
    return [Block(cid, data) for cid, data in dict(receipt.export()).items()]
