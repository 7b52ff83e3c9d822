"""A server's status of an account, in words. It is outside text: what is expected is shown, on one line."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

from backup_agent.cli.output import size_text
from backup_agent.expiry import time_left
from backup_agent.period import period_text

MAX_TEXT_CHARS = 500
MAX_CAUSES = 10
GRACE_S = 3600

_STATES = {
    "due": "in line for its next run",
    "running": "running now",
    "waiting": "waiting for its next run",
    "parked": "PARKED: tried once a week only, unless you `resume` it",
    "paused": "paused",
    "ended": "ENDED",
}


def state_text(told: dict[str, Any]) -> str:
    """The state in one word, with its reason."""
    reason = _text(told, "reason")
    return _text(told, "state") + (f": {reason}" if reason else "")


def status_lines(told: dict[str, Any]) -> list[str]:
    """How an account's backups go, for people."""
    state, reason = _text(told, "state"), _text(told, "reason")
    expires = _number(told, "expires")
    lines = [
        f"State       {_STATES.get(state, state)}" + (f" ({reason})" if reason else ""),
        f"Period      {period_text(_number(told, 'every'))}",
        f"Place       {_text(told, 'place')}",
    ]
    if told.get("clock"):
        lines.append(f"Clock       {_text(told, 'clock')}")
    if told.get("nextRun"):
        lines.append(f"Next run    {_moment(_number(told, 'nextRun'))}")
    if told.get("until"):
        lines.append(f"Until       {_moment(_number(told, 'until') * 1000)}")
    if told.get("keep"):
        note = "your note: a server deletes nothing, `skypail prune` does"
        lines.append(f"Keep        {_text(told, 'keep')} ({note})")
    lines.append(f"Delegation  {time_left(expires, int(time.time()))} left")
    lines += _run_lines(told)
    if lateness := _lateness(told):
        lines.append(f"LATE        {lateness}")
    return lines


def needs_a_look(told: dict[str, Any]) -> bool:
    """Whether the account is not backed up as its owner wished: the last run failed or lacks something,
    none is made any more, or none has gone well for two periods, whatever the reason.
    """
    last = _part(told, "lastRun")
    is_over = told.get("state") in ("parked", "ended")
    return is_over or last.get("result") == "failed" or bool(last.get("missing")) or bool(_lateness(told))


def _lateness(told: dict[str, Any]) -> str:
    """Since when no run has gone well, if for longer than two periods; "" of what its owner stopped."""
    good = _part(told, "lastGood")
    if told.get("state") in ("paused", "ended") or not told.get("lastRun"):
        return ""
    if not good:
        return "no run has gone well yet"
    ended = _number(good, "ended")
    is_late = ended / 1000 + 2 * _number(told, "every") + GRACE_S < time.time()
    return f"no run has gone well since {_moment(ended)}" if is_late else ""


def _run_lines(told: dict[str, Any]) -> list[str]:
    last = _part(told, "lastRun")
    if not last:
        return ["Last run    none yet"]
    result, reason = _text(last, "result"), _text(last, "reason")
    lines = [f"Last run    {_moment(_number(last, 'ended'))}: {result}" + (f"; {reason}" if reason else "")]
    if good := _part(told, "lastGood"):
        size = size_text(_number(good, "blobBytes"))
        counts = f"{_number(good, 'records'):,} records, {_number(good, 'blobs'):,} blobs ({size})"
        lines.append(
            f"Snapshot    {_text(good, 'timestamp')}: {counts}, {_number(good, 'missing'):,} missing"
        )
        causes = list(_part(good, "causes").items())[:MAX_CAUSES]
        lines += [f"  missing {one_line(what)}: {one_line(why)}" for what, why in causes]
    return lines


def _part(told: dict[str, Any], name: str) -> dict[str, Any]:
    value = told.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(told: dict[str, Any], name: str) -> str:
    return one_line(told.get(name, ""))


def one_line(value: object) -> str:
    """Outside text as it may be shown on a terminal: printable, on one line, MAX_TEXT_CHARS at most."""
    return "".join(char if char.isprintable() else " " for char in str(value)[:MAX_TEXT_CHARS])


def _number(told: dict[str, Any], name: str) -> int:
    value = told.get(name, 0)
    return value if isinstance(value, int) else 0


def _moment(unix_ms: int) -> str:
    try:
        return datetime.fromtimestamp(unix_ms / 1000).astimezone().isoformat(" ", "minutes")
    except (ValueError, OverflowError, OSError):
        return f"{unix_ms} ms after 1970"
