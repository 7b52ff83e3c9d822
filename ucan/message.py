"""A message between agents: invocations to run, or receipts of what was run, in one CAR.

The root is `{"ucanto/message@7.0.0": {execute?: [link], report?: {invocation: link}}}`.

Source: @ucanto/core 10.4.6, message; @ucanto/transport 9.2.1, car
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pail.car import encode_car
from pail.cid import CID
from pail.dag_cbor import Block, Value, decode_dag_cbor, encode_block
from pail.errors import DecodeError, TooLarge
from pail.fields import Fields
from ucan.archive import read_blocks
from ucan.delegation import Delegation, view_delegation
from ucan.receipt import Receipt, view_receipt

CONTENT_TYPE = "application/vnd.ipld.car"

MAX_INVOCATIONS = 32
"""Invocations, or receipts, of one message; clients send one or a few."""

MAX_EXECUTED_BYTES = 256 << 10
"""Of the invocations of one message together, without what comes along; reading them costs most."""

_VARIANT = "ucanto/message@7.0.0"


@dataclass(frozen=True, slots=True)
class Message:
    """blocks: by CID, each hashed, the root's among them."""

    root: CID
    execute: tuple[CID, ...]
    report: Mapping[str, CID]
    blocks: Mapping[CID, bytes] = field(repr=False, compare=False)

    def invocations(self) -> list[Delegation]:
        """What is to be run, each once.

        Raises MissingBlock, DecodeError, TooLarge past MAX_EXECUTED_BYTES or a UCAN's limits.
        """
        cids = dict.fromkeys(self.execute)
        size = sum(len(self.blocks.get(cid, b"")) for cid in cids)
        if size > MAX_EXECUTED_BYTES:
            raise TooLarge(f"invocations of {size} bytes; the limit is {MAX_EXECUTED_BYTES}")
        return [view_delegation(cid, self.blocks) for cid in cids]

    def receipt(self, ran: CID) -> Receipt | None:
        """The receipt of an invocation, None if there is none. Raises MissingBlock, DecodeError.

        Not its signature, but that it is of this invocation is checked.
        """
        cid = self.report.get(str(ran))
        if cid is None:
            return None
        receipt = view_receipt(cid, self.blocks)
        if receipt.ran != ran:
            raise DecodeError(f"the receipt given for {ran} is of {receipt.ran}")
        return receipt


def encode_request(invocations: Sequence[Delegation]) -> bytes:
    """The CAR of a message that asks to run `invocations`."""
    assert invocations, "a request asks for something"
    execute = {"execute": [invocation.cid for invocation in invocations]}
    return _encode((block for invocation in invocations for block in invocation.export()), execute)


def encode_response(receipts: Sequence[Receipt]) -> bytes:
    """The CAR of a message with `receipts`, each with the blocks of the invocation."""
    report = {str(receipt.ran): receipt.cid for receipt in receipts}
    blocks = (block for receipt in receipts for block in receipt.export())
    return _encode(blocks, {"report": report} if report else {})


def decode_message(car: bytes) -> Message:
    """The message of a CAR; every block is hashed before anything is looked at (T1).

    Raises DecodeError, HashMismatch, TooLarge past MAX_INVOCATIONS or the limits of a CAR.
    """
    root, blocks = read_blocks(car)
    outer = Fields("message", decode_dag_cbor(blocks[root]))
    fields = Fields(_VARIANT, outer.take(_VARIANT, dict))
    outer.done()
    execute = _decode_execute(cast("list[Any] | None", fields.take_optional("execute", list)))
    report = _decode_report(cast("dict[str, Any] | None", fields.take_optional("report", dict)))
    fields.done()
    return Message(root, execute, report, blocks)


def _encode(blocks: Iterable[Block], content: Mapping[str, Value]) -> bytes:
    root = encode_block({_VARIANT: dict(content)})
    once = dict(blocks) | {root.cid: root.data}
    return encode_car([root.cid], (Block(cid, data) for cid, data in once.items()))


def _decode_execute(links: list[Any] | None) -> tuple[CID, ...]:
    _check_count(links or ())
    if not all(isinstance(link, CID) for link in links or ()):
        raise DecodeError("message.execute is no list of links")
    return tuple(cast("list[CID]", links or ()))


def _decode_report(report: dict[str, Any] | None) -> dict[str, CID]:
    _check_count(report or ())
    if not all(isinstance(link, CID) for link in (report or {}).values()):
        raise DecodeError("message.report is no map of links")
    return cast("dict[str, CID]", report or {})


def _check_count(links: Iterable[object]) -> None:
    count = len(tuple(links))
    if count > MAX_INVOCATIONS:
        raise TooLarge(f"message of {count} invocations; the limit is {MAX_INVOCATIONS}")
