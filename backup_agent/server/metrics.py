"""What the server does, in Prometheus' text format: this process's counts, and what the database says of all.

No space and no account is named. Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from time import time

from backup_agent.server import line_rows
from backup_agent.server.account import Result
from clock_service.session import Session

RUNS = "runs_"
LATE_MS = 600_000
OF_LATE_MS = 3_600_000
AGES_S = (3600, 6 * 3600, 86_400, 2 * 86_400, 7 * 86_400, 30 * 86_400)
AGES = "Accounts whose newest snapshot was proved to hold so many seconds ago or later."


class Metrics:
    """runs: the counters of this process's runner. watch: those of its watchdog."""

    def __init__(self, runs: Counter[str], watch: Counter[str]) -> None:
        self._runs = runs
        self._watch = watch
        self._responses: Counter[int] = Counter()

    def count_response(self, status: int) -> None:
        self._responses[status] += 1

    def text(self, session: Session) -> str:
        """All families."""
        runs = {name.removeprefix(RUNS): n for name, n in self._runs.items() if name.startswith(RUNS)}
        statuses = {str(status): n for status, n in self._responses.items()}
        lines = [
            *_family("runs_total", "counter", "Runs of this worker.", runs, "result"),
            *_family(
                "run_seconds_total", "counter", "Spent on them.", {"": self._runs["milliseconds"] / 1000}
            ),
            *_family("written_bytes_total", "counter", "Written by them.", {"": self._runs["bytes"]}),
            *_family("adopted_total", "counter", "Jobs of dead workers.", {"": self._watch["adopted"]}),
            *_family("responses_total", "counter", "Responses sent.", statuses, "status"),
            *_family("recent_runs", "gauge", "Of all workers, in the last hour.", _recent(session), "result"),
            *_family("accounts", "gauge", "In all workers.", _states(session), "state"),
            *_family("queue_depth", "gauge", "Accounts in line.", {"": line_rows.in_line(session)}),
            *_family("proved_age_accounts", "gauge", AGES, _ages(session), "le"),
            *_family("overdue", "gauge", "Accounts past their time.", {"": overdue(session)}),
            *_family("workers", "gauge", "Alive.", {"": _workers(session)}),
        ]
        return "\n".join(lines) + "\n"


def _states(session: Session) -> dict[str, float]:
    sql = "SELECT state, count(*) FROM agent_account GROUP BY state"
    return {"active": 0, "parked": 0} | {str(state): float(number) for state, number in session.rows(sql)}


def overdue(session: Session) -> int:
    """Active accounts whose time was LATE_MS ago, and that still wait for a worker."""
    sql = "SELECT count(*) FROM agent_account WHERE state = 'active' AND next_due < ?"
    return session.rows(sql, (int(time() * 1000) - LATE_MS,))[0][0]


def why_not_well(session: Session) -> str | None:
    """None while accounts are backed up in their time, and not all that is tried fails."""
    if late := overdue(session):
        return f"{late} accounts are past their time"
    runs = _recent(session)
    if runs["failed"] and not runs["recorded"] + runs["unchanged"]:
        return f"all {runs['failed']:.0f} runs of the last hour failed"
    return None


def _recent(session: Session) -> dict[str, float]:
    sql = "SELECT result, count(*) FROM agent_run WHERE ended > ? GROUP BY result"
    found = session.rows(sql, (int(time() * 1000) - OF_LATE_MS,))
    return dict.fromkeys(Result, 0.0) | {str(result): float(number) for result, number in found}


def _ages(session: Session) -> dict[str, float]:
    now_ms = int(time() * 1000)
    sql = "SELECT count(*) FROM agent_account WHERE good_at >= ?"
    return {str(age_s): session.rows(sql, (now_ms - age_s * 1000,))[0][0] for age_s in AGES_S}


def _workers(session: Session) -> int:
    return session.rows("SELECT count(*) FROM agent_worker WHERE is_dead = 0")[0][0]


def _family(name: str, kind: str, text: str, values: Mapping[str, float], label: str = "") -> list[str]:
    name = f"skypail_agent_{name}"
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for value in sorted(values):
        lines.append(f'{name}{{{label}="{value}"}} {values[value]}' if label else f"{name} {values[value]}")
    return lines
