"""What a run came to, put into the words and numbers that its owner sees."""

from __future__ import annotations

from backup_agent.run import Outcome
from backup_agent.run.private import NOT_LOGGED_IN
from backup_agent.server.account import MAX_REASON_CHARS, Result, RunNote
from backup_agent.server.errors import Stopped
from backup_agent.server.verdict import Verdict

MAX_CAUSES = 10
MAX_CAUSE_CHARS = 200


def note_of(outcome: Outcome, started: int, ended: int) -> RunNote:
    """The note of a run that came to its end."""
    certificate = outcome.snapshot.certificate
    excluded = {what: why for what, why in certificate.excluded.items() if why != NOT_LOGGED_IN}
    causes = dict(list(certificate.missing.items())[:MAX_CAUSES]) | excluded
    return RunNote(
        started=started,
        ended=ended,
        result=Result.RECORDED if outcome.recorded else Result.UNCHANGED,
        reason=_shortcomings(len(certificate.missing), excluded),
        snapshot=str(outcome.snapshot.cid),
        timestamp=outcome.snapshot.backup.created_at,
        records=certificate.records,
        blobs=certificate.blobs,
        blob_bytes=certificate.blob_bytes,
        written_bytes=outcome.written_bytes,
        missing=len(certificate.missing),
        causes={what: why[:MAX_CAUSE_CHARS] for what, why in causes.items()},
    )


def note_of_failure(error: Exception, verdict: Verdict, started: int, ended: int) -> RunNote:
    """The note of a run that did not."""
    if not verdict.is_failure:
        result = Result.WAITING
    else:
        result = Result.STOPPED if isinstance(error, Stopped) else Result.FAILED
    return RunNote(started, ended, result, verdict.reason[:MAX_REASON_CHARS])


def _shortcomings(missing: int, excluded: dict[str, str]) -> str:
    parts = [f"{missing:,} blobs are missing"] if missing else []
    return "; ".join([*parts, *(f"{what} is not included: {why}" for what, why in excluded.items())])
