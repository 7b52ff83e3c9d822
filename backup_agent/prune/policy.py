"""The retention policy that is kept with the space: a small block under a key of its pail."""

from __future__ import annotations

from backup_agent.retention import KEY, Policy, decode_policy, encode_policy
from pail import Block, Reader, crdt, fetch, run
from pail.crdt import Update
from space import Head


def stored_policy(head: Head, get: Reader) -> Policy | None:
    """The policy of the space at `head`, None if it has none. Raises DecodeError, MissingBlock."""
    cid = run(crdt.get(head, KEY), get)
    return None if cid is None else decode_policy(run(fetch(cid), get))


def set_policy(head: Head, policy: Policy, get: Reader) -> tuple[Update, Block]:
    """The event that makes `policy` the space's, none if it is already; and the block that it names."""
    block = encode_policy(policy)
    return run(crdt.put(head, KEY, block.cid), get), block
