"""What changed between two snapshots of one account."""

from __future__ import annotations

from dataclasses import dataclass

from backup_agent.atproto.commit import decode_commit
from backup_agent.atproto.mst_diff import Change, diff_trees
from backup_agent.catalogue import Snapshot
from backup_agent.errors import SnapshotsUnrelated
from pail import CID, Reader, Walk, parse_cid, run
from pail import map as pail_map


@dataclass(frozen=True, slots=True)
class Difference:
    """Records by path and blobs by CID, each list in order."""

    added: list[tuple[str, CID]]
    changed: list[tuple[str, CID, CID]]
    deleted: list[tuple[str, CID]]
    blobs_added: list[CID]
    blobs_deleted: list[CID]


def compare(old: Snapshot, new: Snapshot, get: Reader) -> Difference:
    """What must happen to `old` to become `new`; reads only where their trees differ.

    Raises SnapshotsUnrelated for snapshots of two accounts.
    """
    if old.backup.account != new.backup.account:
        raise SnapshotsUnrelated(old.backup.account, new.backup.account)
    records = run(_compare_records(old.backup.repo, new.backup.repo), get)
    blobs = run(pail_map.diff(old.backup.blobs, new.backup.blobs), get).keys
    added: list[tuple[str, CID]] = []
    changed: list[tuple[str, CID, CID]] = []
    deleted: list[tuple[str, CID]] = []
    for key, before, after in records:
        path = key.decode("ascii")
        if before is None:
            assert after is not None, "a change has a side"
            added.append((path, after))
        elif after is None:
            deleted.append((path, before))
        else:
            changed.append((path, before, after))
    return Difference(
        added,
        changed,
        deleted,
        [parse_cid(change.key) for change in blobs if change.before is None],
        [parse_cid(change.key) for change in blobs if change.after is None],
    )


def _compare_records(old: CID, new: CID) -> Walk[list[Change]]:
    before, after = yield [old, new]
    diff = yield from diff_trees(decode_commit(old, before).root, decode_commit(new, after).root)
    return diff.changes
