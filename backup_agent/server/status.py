"""An account as its owner sees it: the `Status` of spec/server_agent.md."""

from __future__ import annotations

from backup_agent.server.account import Account, RunNote
from backup_agent.server.schedule import State
from pail import Value


def state_of(account: Account, now_ms: int) -> str:
    """In one word, with what an active account is doing."""
    if account.state.is_over:
        return State.ENDED.value
    if account.state is not State.ACTIVE:
        return account.state.value
    if account.worker is not None:
        return "running"
    is_in_line = account.job is not None or account.is_wanted
    return "due" if is_in_line or account.next_due <= now_ms else "waiting"


def status_of(account: Account, now_ms: int) -> dict[str, Value]:
    """As it goes over the wire. Without credentials (T5)."""
    schedule = account.schedule
    state = state_of(account, now_ms)
    optional: dict[str, Value | None] = {
        "until": schedule.until_s,
        "keep": schedule.keep,
        "clock": schedule.clock.url if schedule.clock else None,
        "nextRun": account.next_due if state == "waiting" else None,
        "lastRun": _run(account.last_run),
        "lastGood": _run(account.last_good),
    }
    return {
        "account": account.did,
        "state": state,
        "reason": account.reason,
        "every": schedule.every_s,
        "place": schedule.place.url,
        "expires": account.expires_s,
        "failures": account.failures,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _run(note: RunNote | None) -> dict[str, Value] | None:
    if note is None:
        return None
    optional = {"snapshot": note.snapshot, "timestamp": note.timestamp}
    return {
        "started": note.started,
        "ended": note.ended,
        "result": note.result.value,
        "reason": note.reason,
        "records": note.records,
        "blobs": note.blobs,
        "blobBytes": note.blob_bytes,
        "writtenBytes": note.written_bytes,
        "missing": note.missing,
        "causes": dict(note.causes),
        **{name: value for name, value in optional.items() if value is not None},
    }
