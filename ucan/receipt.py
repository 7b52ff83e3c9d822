"""A receipt: what came of an invocation, signed by who did the work.

Source: @ucanto/core 10.4.6, receipt; https://github.com/ucan-wg/invocation (before 1.0)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pail.cid import CID
from pail.dag_cbor import Block, Value, decode_dag_cbor, encode_block, encode_dag_cbor
from pail.errors import DecodeError, MissingBlock, TooLarge
from pail.fields import Fields
from ucan.delegation import Delegation, view_delegation
from ucan.did import is_did
from ucan.failure import Failure
from ucan.issuer import Issuer

MAX_EFFECTS = 256


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler answers. ok: the value of a success, if it is no Failure.

    fork, join: invocations that the work leads to, by others and in their own time; a join that is
    not the asker's to see is named by its CID alone.
    """

    ok: Value | Failure
    fork: tuple[Delegation, ...] = ()
    join: Delegation | CID | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """ran: the invocation. out: `{"ok": value}` or `{"error": {name, message, …}}`.

    issuer: a DID, None if the receipt names none. blocks: those that came along, by CID.
    """

    cid: CID
    data: bytes = field(repr=False)
    ran: CID
    out: dict[str, Value]
    fork: tuple[CID, ...]
    join: CID | None
    meta: dict[str, Value]
    issuer: str | None
    proofs: tuple[CID, ...]
    outcome: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    blocks: Mapping[CID, bytes] = field(repr=False, compare=False)

    def export(self) -> Iterator[Block]:
        """Its blocks as the original orders them: of the invocation, the effects and the proofs, itself.

        A block that several of them hold comes several times.
        """
        joined = () if self.join is None else (self.join,)
        for cid in (self.ran, *self.fork, *joined, *self.proofs):
            if cid in self.blocks:
                yield from _blocks_of(cid, self.blocks)
        yield Block(self.cid, self.data)


def issue_receipt(
    issuer: Issuer, ran: Delegation, outcome: Outcome, *, meta: Mapping[str, Value] | None = None
) -> Receipt:
    """The receipt of `outcome`, with the blocks of the invocation and the effects."""
    assert outcome.ok is not None, "a success has a value, {} at the least"
    out = {"error": outcome.ok.encode()} if isinstance(outcome.ok, Failure) else {"ok": outcome.ok}
    fork = tuple(effect.cid for effect in outcome.fork)
    join = outcome.join.cid if isinstance(outcome.join, Delegation) else outcome.join
    fx: dict[str, Value] = {"fork": list(fork)} | ({} if join is None else {"join": join})
    ocm: dict[str, Value] = {
        "ran": ran.cid,
        "out": out,
        "fx": fx,
        "meta": dict(meta or {}),
        "iss": issuer.did,
        "prf": [],
    }
    signed = encode_dag_cbor(ocm)
    signature = issuer.sign(signed)
    block = encode_block({"ocm": ocm, "sig": signature})
    return Receipt(
        cid=block.cid,
        data=block.data,
        ran=ran.cid,
        out=out,
        fork=fork,
        join=join,
        meta=ocm["meta"],
        issuer=issuer.did,
        proofs=(),
        outcome=signed,
        signature=signature,
        blocks=_with_effects(ran, outcome),
    )


def _with_effects(ran: Delegation, outcome: Outcome) -> Mapping[CID, bytes]:
    joined = (outcome.join,) if isinstance(outcome.join, Delegation) else ()
    effects = (*outcome.fork, *joined)
    if not effects and ran.cid in ran.blocks:
        return ran.blocks  # all that came with a message, not copied for each receipt
    exported = {cid: data for effect in effects for cid, data in effect.export()}
    return {**ran.blocks, ran.cid: ran.data, **exported}


def view_receipt(cid: CID, blocks: Mapping[CID, bytes]) -> Receipt:
    """The receipt `cid` of `blocks`, which are hashed; its signature is not looked at.

    Raises MissingBlock, DecodeError, TooLarge.
    """
    data = blocks.get(cid)
    if data is None:
        raise MissingBlock(cid)
    return _decode(Block(cid, data), blocks)


def _decode(block: Block, blocks: Mapping[CID, bytes]) -> Receipt:
    outer = Fields("receipt", decode_dag_cbor(block.data))
    ocm = cast("dict[str, Value]", outer.take("ocm", dict))
    signature = outer.take("sig", bytes)
    outer.done()
    fields = Fields("receipt.ocm", ocm)
    fork, join = _decode_effects(fields.take("fx", dict))
    receipt = Receipt(
        cid=block.cid,
        data=block.data,
        ran=fields.take("ran", CID),
        out=_decode_out(fields.take("out", dict)),
        fork=fork,
        join=join,
        meta=cast("dict[str, Value]", fields.take("meta", dict)),
        issuer=_decode_issuer(fields.take_optional("iss", str)),
        proofs=_links("receipt.ocm.prf", fields.take_optional("prf", list)),
        outcome=encode_dag_cbor(ocm),
        signature=signature,
        blocks=blocks,
    )
    fields.done()
    return receipt


def _decode_out(out: Value) -> dict[str, Value]:
    match out:
        case {"ok": _, **rest} | {"error": _, **rest} if not rest:
            return cast("dict[str, Value]", out)
        case _:
            raise DecodeError("receipt.ocm.out is neither {ok} nor {error}")


def _decode_effects(fx: Value) -> tuple[tuple[CID, ...], CID | None]:
    fields = Fields("receipt.ocm.fx", fx)
    fork, join = _links("receipt.ocm.fx.fork", fields.take("fork", list)), fields.take_optional("join", CID)
    fields.done()
    return fork, join


def _decode_issuer(issuer: str | None) -> str | None:
    if issuer is not None and not is_did(issuer):
        raise DecodeError(f"receipt.ocm.iss is no DID: {issuer[:80]!r}")
    return issuer


def _links(name: str, values: Any) -> tuple[CID, ...]:
    links = cast("list[Any]", values or [])
    if len(links) > MAX_EFFECTS:
        raise TooLarge(f"{name} has {len(links)} links; the limit is {MAX_EFFECTS}")
    if not all(isinstance(link, CID) for link in links):
        raise DecodeError(f"{name} is no list of links")
    return tuple(cast("list[CID]", links))


def _blocks_of(cid: CID, blocks: Mapping[CID, bytes]) -> Iterator[Block]:
    try:
        yield from view_delegation(cid, blocks).export()
    except (DecodeError, TooLarge):
        yield Block(cid, blocks[cid])
