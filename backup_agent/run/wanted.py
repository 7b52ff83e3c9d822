"""Which blobs a snapshot must hold, and which of them are not here yet.

Records decide: a blob that a record links is wanted, whether the host lists it or not. What the
host lists beyond that is wanted too, since a lexicon unknown to us may link it in its own way.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass

from backup_agent.catalogue import Snapshot
from backup_agent.errors import AgentError
from backup_agent.run.context import Run
from backup_agent.run.repository import Repository
from pail import CID, Reader, parse_cid, run
from pail.map import entries, get

LISTING_FAILED = "the host's list of blobs could not be read, so only those that records link are here"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Blobs relative to those of the previous snapshot."""

    added: frozenset[CID]
    """Not in the previous snapshot: to be had from journal, space or host."""
    dropped: frozenset[CID]
    """In the previous snapshot, and no longer wanted."""
    unlisted: frozenset[CID]
    """Linked by a record, but not on the host's list: likely lost there."""
    excluded: dict[str, str]
    """Why the host's list was not compared, if it was not."""


async def wanted_blobs(run_: Run, repository: Repository, previous: Snapshot | None) -> Wanted:
    """The blobs of `repository` compared with those of `previous`, in one request per 500 new ones.

    While the commit is the same there is no request: only what was missing is wanted again.
    """
    if previous is not None and previous.backup.repo == repository.commit:
        missing = frozenset(parse_cid(text) for text in previous.certificate.missing)
        unread = {what: why for what, why in previous.certificate.excluded.items() if what == "listBlobs"}
        return Wanted(missing, frozenset(), frozenset(), unread)
    since = None if repository.whole or previous is None else previous.backup.rev
    excluded: dict[str, str] = {}
    listed: set[CID] = set()
    try:
        async with aclosing(run_.source.blobs(run_.account, since=since)) as blobs:
            listed = {cid async for cid in blobs}
    except AgentError as error:
        excluded["listBlobs"] = f"{LISTING_FAILED}: {error}"
    wanted = repository.blobs | listed
    unlisted = repository.blobs - listed if repository.whole and not excluded else frozenset[CID]()
    if previous is None:
        return Wanted(frozenset(wanted), frozenset(), frozenset(unlisted), excluded)
    pail, read = previous.backup.blobs, run_.space.get
    if repository.whole:
        before = {parse_cid(key) for key, _ in run(entries(pail), read)}
        return Wanted(frozenset(wanted - before), frozenset(before - wanted), frozenset(unlisted), excluded)
    wanted |= {parse_cid(text) for text in previous.certificate.missing}
    added = {cid for cid in wanted if not _holds(pail, cid, read)}
    return Wanted(frozenset(added), frozenset(), frozenset(), excluded)


def _holds(blobs: CID, cid: CID, read: Reader) -> bool:
    return run(get(blobs, str(cid)), read) is not None
