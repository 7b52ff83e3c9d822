"""A head object: what one agent knows of a space's clock, signed by it.

    type HeadObject struct { version Int, agent String, head [&Event], sig Bytes }

`sig` is the agent's varsig over the DAG-CBOR of the rest. Only the signature says whose it is: the
file's name may be that of a conflict copy.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from pail import CID, PailError, decode_dag_cbor, encode_dag_cbor
from pail.event import MAX_HEAD, Head
from space.errors import BadHeadObject
from ucan import Signer, UcanError, Verifier

VERSION = 1
MAX_HEAD_OBJECT_BYTES = 64 << 10
"""Room for MAX_HEAD events four times over."""


class HeadObject(NamedTuple):
    """The head as `agent`, a did:key, knew it."""

    agent: str
    head: Head


def encode_head_object(head: Head, agent: Signer) -> bytes:
    """The object of `agent`, signed."""
    content = {"version": VERSION, "agent": agent.did, "head": list(head)}
    return encode_dag_cbor({**content, "sig": agent.sign(encode_dag_cbor(content))})


def decode_head_object(data: bytes) -> HeadObject:
    """The head object of `data`, its signature checked.

    Raises BadHeadObject for anything else, torn and empty files among it.
    """
    try:
        value = decode_dag_cbor(data[: MAX_HEAD_OBJECT_BYTES + 1])
    except PailError as error:
        raise BadHeadObject(f"no head object: {error}") from error
    match value:
        case {"version": 1, "agent": str(agent), "head": [*events], "sig": bytes(sig), **more} if not more:
            _check_signature(agent, {"version": VERSION, "agent": agent, "head": events}, sig)
            return HeadObject(agent, _check_head(events))
        case _:
            raise BadHeadObject("no head object of version 1")


def _check_signature(agent: str, content: dict[str, Any], sig: bytes) -> None:
    try:
        Verifier.parse(agent).verify_varsig(encode_dag_cbor(content), sig)
    except UcanError as error:
        raise BadHeadObject(f"not signed by its agent: {error}") from error


def _check_head(events: list[Any]) -> Head:
    if len(events) > MAX_HEAD or not all(isinstance(event, CID) for event in events):
        raise BadHeadObject(f"head is no list of up to {MAX_HEAD} events")
    if any(a >= b for a, b in pairwise(events)):
        raise BadHeadObject("head is not in order, or repeats an event")
    return tuple(events)
