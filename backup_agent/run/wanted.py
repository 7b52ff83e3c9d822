"""Which blobs a snapshot must hold, and which of them are not here yet.

Records decide: a blob that a record links is wanted, whether the host lists it or not. What the
host lists beyond that is wanted too, since a lexicon unknown to us may link it in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from backup_agent.catalogue import Snapshot
from backup_agent.errors import AgentError
from backup_agent.run.base import Base
from backup_agent.run.context import Run
from backup_agent.run.repository import Repository
from pail import CID, PailError, Reader, parse_cid, run
from pail.map import entries, get
from space import CorruptBlock

MAX_UNLINKED = 10_000
"""Blobs taken from the host's list alone. A PDS lists what records link, so there are hardly any."""

LISTING_FAILED = "the host's list of blobs could not be read, so only those that records link are here"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Blobs relative to those of the snapshot that the run builds on."""

    added: frozenset[CID]
    """Not in that snapshot: to be had from journal, space or host."""
    dropped: frozenset[CID] = frozenset()
    """In that snapshot, and no longer wanted."""
    excluded: dict[str, str] = field(default_factory=dict[str, str])
    """Why the host's list was not compared, if it was not."""
    roots: Mapping[CID, CID] = field(default_factory=dict[CID, CID])
    """Where blobs may be in the space, as a snapshot says that is not believed."""


async def wanted_blobs(run_: Run, repository: Repository, base: Base) -> Wanted:
    """The blobs of `repository` compared with those before, in one request per 500 new ones.

    While the commit is the same there is no request: only what was missing is wanted again, or if
    the snapshot is not believed, all that it had or lacked.
    """
    previous, read = base.previous, run_.space.get
    before = None if base.proved or previous is None else _claimed(previous, read)
    if previous is not None and previous.backup.repo == repository.commit and (base.proved or before):
        missing = frozenset(map(parse_cid, previous.certificate.missing))
        unread = {what: why for what, why in previous.certificate.excluded.items() if what == "listBlobs"}
        if before is None:
            return Wanted(missing, excluded=unread)
        return Wanted(missing | repository.blobs | before.keys(), excluded=unread, roots=before)
    since = None if repository.whole or previous is None else previous.backup.rev
    if base.proved is None:
        unlinked, excluded = await _unlinked(run_, since, repository.blobs.__contains__)
        return Wanted(repository.blobs | unlinked, excluded=excluded, roots=before or {})
    pail = base.proved.backup.blobs
    if repository.whole:
        unlinked, excluded = await _unlinked(run_, since, repository.blobs.__contains__)
        wanted = repository.blobs | unlinked
        held = frozenset(parse_cid(key) for key, _ in run(entries(pail), read))
        return Wanted(wanted - held, frozenset() if excluded else held - wanted, excluded)
    unlinked, excluded = await _unlinked(run_, since, lambda cid: _holds(pail, cid, read))
    wanted = repository.blobs | unlinked | set(map(parse_cid, base.proved.certificate.missing))
    return Wanted(frozenset(cid for cid in wanted if not _holds(pail, cid, read)), excluded=excluded)


async def _unlinked(
    run_: Run, since: str | None, known: Callable[[CID], bool]
) -> tuple[frozenset[CID], dict[str, str]]:
    """The blobs that the host lists besides those known, and why there are none if it is not to be had."""
    found: set[CID] = set()
    try:
        async with aclosing(run_.source.blobs(run_.account, since=since)) as blobs:
            async for cid in blobs:
                if not known(cid):
                    found.add(cid)
                if len(found) > MAX_UNLINKED:
                    why = f"the host lists more than {MAX_UNLINKED:,} blobs that no record links"
                    return frozenset(), {"listBlobs": f"{why}; none of those is here"}
    except AgentError as error:
        return frozenset(), {"listBlobs": f"{LISTING_FAILED}: {error}"}
    return frozenset(found), {}


def _claimed(previous: Snapshot, read: Reader) -> dict[CID, CID] | None:
    """The blobs of a snapshot that is not believed, and their roots; None if that cannot be read."""
    try:
        return {parse_cid(key): root for key, root in run(entries(previous.backup.blobs), read)}
    except (PailError, CorruptBlock):
        return None


def _holds(blobs: CID, cid: CID, read: Reader) -> bool:
    return run(get(blobs, str(cid)), read) is not None
