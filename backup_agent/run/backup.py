"""One backup, from the first question to the acknowledged event.

The order of writes (S1): blocks of repository and blobs, then Backup and event, all durable in
shards before the head names them. Until the head moves, nothing is recorded.
"""

from __future__ import annotations

from contextlib import suppress

from backup_agent.errors import BackupRefused
from backup_agent.run.base import find_base
from backup_agent.run.blobs import BlobIntake
from backup_agent.run.context import Run
from backup_agent.run.outcome import Outcome
from backup_agent.run.private import seal_preferences
from backup_agent.run.record import Findings, record, stage_identity
from backup_agent.run.repository import get_repository
from backup_agent.run.staging import Staging
from backup_agent.run.wanted import wanted_blobs
from pail import MissingBlock
from space import NotReadable, PruneBegan, SpaceError


async def back_up(run_: Run) -> Outcome:
    """Back up the account of `run_`: one event if anything changed, none if nothing did.

    Raises AgentError if nothing could be recorded, SpaceError if the space fails. The space is then
    as before, but for proved blocks that the next run need not fetch again.
    """
    try:
        return await _attempt(run_)
    except (PruneBegan, NotReadable, MissingBlock, BackupRefused) as error:
        if not isinstance(error, PruneBegan) and not run_.space.lease.is_outdated():
            raise
        run_.space.refresh()  # what was found in the space may be gone or about to: it counts no more
        return await _attempt(run_)


async def _attempt(run_: Run) -> Outcome:
    run_.progress.phase("Asking the host")
    head = run_.clock.head()
    base = find_base(run_, head)
    latest = await run_.source.latest_commit(run_.account)
    with Staging(run_.space) as staging:
        repository = await get_repository(run_, staging, latest, base)
        identity = stage_identity(run_, staging)
        sealed = await seal_preferences(run_, staging, base.previous)
        wanted = await wanted_blobs(run_, repository, base)
        blobs = BlobIntake(run_, staging, wanted.roots)
        missing = await blobs.get(wanted.added)
        found = Findings(repository, wanted, blobs.stored, missing, identity, sealed)
        outcome = record(run_, staging, head, base, found)
        with suppress(SpaceError):  # it is recorded: what is not noted now is only proved again
            run_.space.note_whole(outcome.snapshot.cid, base.losses)
        blobs.journal.clear()
        return outcome
