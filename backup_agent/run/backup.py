"""One backup, from the first question to the acknowledged event.

The order of writes (S1): blocks of repository and blobs, then Backup and event, all durable in
shards before the head names them. Until the head moves, nothing is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from backup_agent.catalogue import Snapshot, newest_readable
from backup_agent.run.blobs import BlobIntake
from backup_agent.run.context import Run
from backup_agent.run.private import NOT_LOGGED_IN, seal_preferences
from backup_agent.run.record import Findings, record, stage_identity
from backup_agent.run.repository import get_repository
from backup_agent.run.staging import Staging
from backup_agent.run.wanted import wanted_blobs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    snapshot: Snapshot
    """The newest snapshot: the one recorded now, or the one that still holds."""
    recorded: bool
    """False when nothing had changed."""
    written_bytes: int
    """Bytes of the blocks that the run added to the space."""

    @property
    def missing(self) -> dict[str, str]:
        """Blobs that the snapshot lacks, each with its cause."""
        return self.snapshot.certificate.missing

    @property
    def excluded(self) -> dict[str, str]:
        """What was asked for and not permitted; what nobody asked for is none of it."""
        excluded = self.snapshot.certificate.excluded
        return {what: why for what, why in excluded.items() if why != NOT_LOGGED_IN}

    @property
    def whole(self) -> bool:
        """Whether the snapshot has everything that was asked for."""
        return not self.missing and not self.excluded


async def back_up(run_: Run) -> Outcome:
    """Back up the account of `run_`: one event if anything changed, none if nothing did.

    Raises AgentError if nothing could be recorded, SpaceError if the space fails. The space is then
    as before, but for proved blocks that the next run need not fetch again.
    """
    run_.progress.phase("Asking the host")
    head = run_.clock.head()
    previous = newest_readable(head, run_.account, run_.space.get)
    latest = await run_.source.latest_commit(run_.account)
    with Staging(run_.space) as staging:
        repository = await get_repository(run_, staging, latest, previous)
        identity = stage_identity(run_, staging)
        sealed = await seal_preferences(run_, staging, previous)
        wanted = await wanted_blobs(run_, repository, previous)
        blobs = BlobIntake(run_, staging)
        missing = await blobs.get(wanted.added)
        found = Findings(repository, wanted, blobs.stored, missing, identity, sealed)
        if previous is not None and not _changed(previous, found):
            now = replace(previous.certificate, excluded=wanted.excluded | sealed.excluded)
            return Outcome(replace(previous, certificate=now), recorded=False, written_bytes=0)
        snapshot = record(run_, staging, head, previous, found)
        blobs.journal.clear()
        return Outcome(snapshot, recorded=True, written_bytes=staging.written_bytes)


def _changed(previous: Snapshot, found: Findings) -> bool:
    """Whether a new snapshot would hold anything that `previous` does not."""
    before = previous.backup
    same = (
        before.repo == found.repository.commit
        and before.identity == found.identity
        and before.preferences == found.sealed.preferences
    )
    return not same or bool(found.stored)
