"""A delegation: a UCAN with the blocks that came along, its proofs and what its caveats link to.

An invocation is a delegation of one capability to the service that is to do the work.

Source: @ucanto/core 10.4.6, delegation and invocation
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, cast

from pail.cid import CID
from pail.dag_cbor import Block, Value
from pail.errors import DecodeError, MissingBlock, TooLarge
from ucan.capability import Capability
from ucan.issuer import Issuer
from ucan.token import Ucan, decode_ucan, encode_ucan, signed_payload

MAX_REMEMBERED_BYTES = 1024
"""The same short proofs come with request after request. A longer block is decoded anew each time, so
that nobody fills the memory: what is remembered takes 30 MB at the very worst.
"""


@dataclass(frozen=True, slots=True)
class Delegation:
    """data: its block. payload: what its signature is over.

    blocks: by CID, those of its proofs and attachments, and maybe others.
    """

    cid: CID
    data: bytes = field(repr=False)
    ucan: Ucan
    payload: bytes = field(repr=False)
    blocks: Mapping[CID, bytes] = field(repr=False, compare=False)

    @property
    def issuer(self) -> str:
        """The DID that signed it."""
        return self.ucan.issuer

    @property
    def audience(self) -> str:
        """The DID that it is for."""
        return self.ucan.audience

    def proof(self, cid: CID) -> Delegation:
        """The proof `cid`, of the blocks that came along.

        Raises MissingBlock, or DecodeError or TooLarge if it is no UCAN.
        """
        return view_delegation(cid, self.blocks)

    def export(self) -> Iterator[Block]:
        """Its blocks as the original orders them: proofs before what they prove, what its caveats
        and facts link to, itself. Each once, and only those that came along.
        """
        seen: set[CID] = {self.cid}
        yield from _proofs_first(self.ucan.proofs, self.blocks, seen)
        for cid in self.attached():
            if cid in self.blocks and cid not in seen:
                seen.add(cid)
                yield Block(cid, self.blocks[cid])
        yield Block(self.cid, self.data)

    def attached(self) -> Iterator[CID]:
        """What its capabilities link to, at any depth, and its facts, at the top."""
        for capability in self.ucan.capabilities:
            yield from _links(capability.nb)
        for fact in self.ucan.facts:
            yield from (value for value in fact.values() if isinstance(value, CID))


def delegate(
    issuer: Issuer,
    audience: str,
    capabilities: Sequence[Capability],
    *,
    expires_at_unix: int | None,
    not_before_unix: int | None = None,
    nonce: str | None = None,
    facts: Sequence[dict[str, Value]] = (),
    proofs: Iterable[Delegation | CID] = (),
    attached: Iterable[Block] = (),
) -> Delegation:
    """A new delegation by `issuer`, with the blocks of its proofs.

    nonce: fresh text for what may be done twice; the caller draws it. attached: blocks that a caveat
    or fact links to. expires_at_unix: None for never.
    Raises DecodeError for a value that cannot be signed.
    """
    proofs = list(proofs)
    ucan = Ucan(
        issuer=issuer.did,
        audience=audience,
        capabilities=tuple(item._replace(can=item.can.lower()) for item in capabilities),
        expires_at_unix=expires_at_unix,
        not_before_unix=not_before_unix,
        nonce=nonce,
        facts=tuple(facts),
        proofs=tuple(proof.cid if isinstance(proof, Delegation) else proof for proof in proofs),
    )
    signed = replace(ucan, signature=issuer.sign(signed_payload(ucan, issuer.algorithm)))
    blocks = {cid: data for proof in proofs if isinstance(proof, Delegation) for cid, data in proof.export()}
    block = encode_ucan(signed)
    read, payload = decode_ucan(block.data)  # what others would refuse is refused here
    return Delegation(block.cid, block.data, read, payload, blocks | dict(attached))


def view_delegation(cid: CID, blocks: Mapping[CID, bytes]) -> Delegation:
    """The delegation `cid` of `blocks`, which are hashed. Raises MissingBlock, DecodeError, TooLarge."""
    data = blocks.get(cid)
    if data is None:
        raise MissingBlock(cid)
    decode = _decode_again if len(data) <= MAX_REMEMBERED_BYTES else decode_ucan
    ucan, payload = decode(data)
    return Delegation(cid, data, ucan, payload, blocks)


_decode_again = lru_cache(maxsize=512)(decode_ucan)


def _proofs_first(proofs: Iterable[CID], blocks: Mapping[CID, bytes], seen: set[CID]) -> Iterator[Block]:
    """What hangs below `proofs`, children first, without recursion: the chain may be of any length."""
    stack = [(cid, False) for cid in reversed(tuple(proofs))]
    while stack:
        cid, is_ready = stack.pop()
        if is_ready:
            yield Block(cid, blocks[cid])
        elif cid in blocks and cid not in seen:
            seen.add(cid)
            stack.append((cid, True))
            stack += [(proof, False) for proof in reversed(_proofs_of(cid, blocks))]


def _proofs_of(cid: CID, blocks: Mapping[CID, bytes]) -> tuple[CID, ...]:
    try:
        return view_delegation(cid, blocks).ucan.proofs
    except (DecodeError, TooLarge):
        return ()  # no UCAN: the validator will say so; here it is a block like any other


def _links(value: Value) -> Iterator[CID]:
    """In the order of the block. DAG-CBOR bounds the depth."""
    if isinstance(value, CID):
        yield value
    elif isinstance(value, dict):
        for part in cast("dict[str, Any]", value).values():
            yield from _links(part)
    elif isinstance(value, list):
        for part in cast("list[Any]", value):
            yield from _links(part)
