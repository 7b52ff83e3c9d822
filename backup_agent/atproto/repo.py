"""A repository proved whole: its commit, its signature, every node and every record (T1).

`verify_repo` reads everything. `verify_tree` leaves it to its caller to know that each record is
there. `verify_change` proves a commit against one that was proved before, and reads only what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from backup_agent.atproto.blob_refs import MARK, BlobRef, blob_refs
from backup_agent.atproto.commit import Commit, decode_commit, verify_commit
from backup_agent.atproto.errors import InvalidRecord
from backup_agent.atproto.mst import MAX_ASK, walk_entries, walk_records
from backup_agent.atproto.mst_diff import Change, diff_trees
from backup_agent.atproto.mst_node import Entry
from pail import CID, DecodeError, TooLarge, Value, Walk, decode_dag_cbor

BlobVisitor = Callable[[BlobRef], None]
"""Is told of each link to a blob, repeats included, when its record is proved to be there."""


class RepoProof(NamedTuple):
    """What `verify_repo` found whole."""

    commit: Commit
    nodes: int
    records: int


class ChangeProof(NamedTuple):
    """What `verify_change` found whole, given that the previous commit was."""

    commit: Commit
    previous: Commit
    changes: list[Change]
    new_nodes: set[CID]


def verify_repo(commit: CID, *, did: str, signing_key: str, visit_blob: BlobVisitor) -> Walk[RepoProof]:
    """Prove that `commit` is of `did`, signed by `signing_key`, and all of its blocks are there.

    signing_key: a did:key, from the account's DID document.
    Raises InvalidCommit, InvalidTree, InvalidRecord; MissingBlock comes from the reader.
    """
    head = yield from _signed_commit(commit, did, signing_key)

    def visit(entries: list[Entry], blocks: Sequence[bytes]) -> None:
        check_records(entries, blocks, visit_blob)

    nodes, records = yield from walk_records(head.root, visit)
    return RepoProof(head, nodes, records)


def verify_tree(
    commit: CID, *, did: str, signing_key: str, visit: Callable[[list[Entry]], None]
) -> Walk[RepoProof]:
    """As `verify_repo`, but that each record is there, and what it links, is for `visit` to find out.

    A caller who has just hashed all blocks knows without reading them again.
    visit: is told of all entries, some at a time, in order; what it raises ends the walk.
    """
    head = yield from _signed_commit(commit, did, signing_key)
    nodes, records = yield from walk_entries(head.root, visit)
    return RepoProof(head, nodes, records)


def _signed_commit(commit: CID, did: str, signing_key: str) -> Walk[Commit]:
    head = decode_commit(commit, (yield commit))
    verify_commit(head, did=did, signing_key=signing_key)
    return head


def verify_change(
    commit: CID, *, previous: CID, did: str, signing_key: str, visit_blob: BlobVisitor
) -> Walk[ChangeProof]:
    """As `verify_repo`, at the cost of what changed since `previous`.

    previous: a commit of the same account that `verify_repo` or this proved, its blocks kept.
    visit_blob is told of the links in added and changed records alone.
    """
    block, previous_block = yield [commit, previous]
    head, before = decode_commit(commit, block), decode_commit(previous, previous_block)
    verify_commit(head, did=did, signing_key=signing_key)
    changes, new_nodes, _ = yield from diff_trees(before.root, head.root)
    written = [(change.key, change.new) for change in changes if change.new is not None]
    for at in range(0, len(written), MAX_ASK):
        entries = written[at : at + MAX_ASK]
        check_records(entries, (yield [cid for _, cid in entries]), visit_blob)
    return ChangeProof(head, before, changes, new_nodes)


def check_records(entries: Sequence[Entry], blocks: Sequence[bytes], visit_blob: BlobVisitor) -> None:
    """Report the blobs that the records of `entries` link.

    A record is the owner's bytes, signed with the tree: neither its lexicon nor its encoding is
    judged, since an account's odd records are worth keeping too. Only one that has MARK must be a
    map in our DAG-CBOR profile, or what it links could not be known. Raises InvalidRecord.
    """
    for (key, cid), data in zip(entries, blocks, strict=True):
        if MARK not in data:
            continue
        try:
            record = decode_dag_cbor(data)
        except (DecodeError, TooLarge) as error:
            raise InvalidRecord(cid, str(error), key.decode()) from error
        if type(record) is not dict:
            raise InvalidRecord(cid, "it is no map", key.decode())
        for reference in blob_refs(cast(dict[str, Value], record)):
            visit_blob(reference)
