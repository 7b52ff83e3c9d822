"""The abilities of a clock service, and their caveats as they stand on the wire.

Source: @web3-storage/clock 0.4.1, capabilities; @storacha/capabilities, ucan and provider;
`keys` and `ops` are ours: a delegation that has them, and every invocation of it, must repeat them.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from clock_service.policy import Caveats
from pail import CID, DecodeError, Value
from pail.fields import Fields
from pail.shard import is_key
from ucan import Definition, is_did, no_caveats, take_link

OPS = frozenset({"put", "del"})

MAX_PROOF_LINKS = 64


class Advance(NamedTuple):
    """What `clock/advance` asks for."""

    event: CID
    caveats: Caveats


class Following(NamedTuple):
    """What `clock/follow` and `clock/unfollow` name; None where they leave it out."""

    issuer: str | None
    clock: str | None


class Provide(NamedTuple):
    """What `provider/add` asks for: that `provider` hosts `consumer`."""

    provider: str
    consumer: str


def _take_advance(fields: Fields) -> Advance:
    return Advance(take_link(fields, "event"), _take_caveats(fields))


def _take_caveats(fields: Fields) -> Caveats:
    keys = fields.take_optional("keys", str)
    if keys is not None and not is_key(keys):
        raise DecodeError("keys is no prefix of keys")
    ops = cast("list[Value] | None", fields.take_optional("ops", list))
    if ops is None:
        return Caveats(keys)
    if len(ops) > len(OPS) or not all(isinstance(op, str) and op in OPS for op in ops):
        raise DecodeError(f"ops is no list of {', '.join(sorted(OPS))}")
    return Caveats(keys, frozenset(ops))


def _is_prefix(claimed: Value, delegated: Value) -> bool:
    return claimed.startswith(delegated)


def _is_subset(claimed: Value, delegated: Value) -> bool:
    return set(claimed) <= set(delegated)


def _take_following(fields: Fields) -> Following:
    return Following(_take_did(fields, "iss"), _take_did(fields, "with"))


def _take_did(fields: Fields, name: str) -> str | None:
    did = fields.take_optional(name, str)
    if did is not None and not is_did(did):
        raise DecodeError(f"{name} is no DID")
    return did


def _take_revoke(fields: Fields) -> CID:
    ucan = take_link(fields, "ucan")
    proof = cast("list[Value]", fields.take_optional("proof", list) or [])
    if len(proof) > MAX_PROOF_LINKS or not all(isinstance(link, CID) for link in proof):
        raise DecodeError("proof is no short list of links")
    return ucan


def _take_provide(fields: Fields) -> Provide:
    provider, consumer = _take_did(fields, "provider"), _take_did(fields, "consumer")
    if provider is None or consumer is None:
        raise DecodeError("provider and consumer are both wanted")
    return Provide(provider, consumer)


HEAD = Definition("clock/head", no_caveats)
ADVANCE = Definition("clock/advance", _take_advance, within={"keys": _is_prefix, "ops": _is_subset})
FOLLOW = Definition("clock/follow", _take_following)
UNFOLLOW = Definition("clock/unfollow", _take_following)
FOLLOWING = Definition("clock/following", no_caveats)
REVOKE = Definition("ucan/revoke", _take_revoke)
PROVIDE = Definition("provider/add", _take_provide)
