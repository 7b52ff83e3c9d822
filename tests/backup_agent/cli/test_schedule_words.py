"""What an owner reads of a server's status: never that all is well when it is not."""

from __future__ import annotations

import time
from typing import Any

import pytest

from backup_agent.cli.commands.schedule_words import needs_a_look, status_lines

NOW_MS = int(time.time() * 1000)
DAY_MS = 86_400_000


def told(*, result: str = "unchanged", good_ms: int | None = NOW_MS, **more: Any) -> dict[str, Any]:
    last = {"ended": NOW_MS, "result": result}
    good = {} if good_ms is None else {"lastGood": {"ended": good_ms, "result": "unchanged"}}
    return {"state": "waiting", "every": 3600, "expires": 0, "lastRun": last, **good, **more}


def test_all_is_well() -> None:
    assert not needs_a_look(told())
    assert "LATE" not in "".join(status_lines(told()))


@pytest.mark.parametrize("result", ["waiting", "stopped", "unchanged"])
def test_what_has_not_gone_well_for_two_periods_is_late_whatever_the_reason(result: str) -> None:
    status = told(result=result, good_ms=NOW_MS - DAY_MS)
    assert needs_a_look(status)
    assert status_lines(status)[-1].startswith("LATE        no run has gone well since 20")
    assert not needs_a_look(status | {"every": 86_400})


def test_only_waiting_is_not_backed_up() -> None:
    status = told(result="waiting", good_ms=None)
    assert needs_a_look(status)
    assert status_lines(status)[-1] == "LATE        no run has gone well yet"


@pytest.mark.parametrize("state", ["parked", "ended"])
def test_what_is_not_tried_any_more_needs_a_look(state: str) -> None:
    assert needs_a_look(told(state=state))


def test_a_pause_is_not_late() -> None:
    assert not needs_a_look(told(good_ms=NOW_MS - DAY_MS, state="paused"))


def test_a_note_on_what_to_keep_promises_nothing() -> None:
    (line,) = [line for line in status_lines(told(keep="daily=7")) if "daily=7" in line]
    assert "a server deletes nothing" in line
