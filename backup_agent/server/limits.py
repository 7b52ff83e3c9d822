"""What the operator lets each space have."""

from __future__ import annotations

from dataclasses import dataclass

from backup_agent.server.errors import TooMuch, UsedUp
from clock_service.session import Session

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Limits:
    """accounts: of this server in all. accounts_a_space, runs_a_day, bytes_a_day: of one space; days by UTC.

    bytes_a_day: written to the space. min_every_s: the shortest period.
    """

    accounts: int = 100_000
    accounts_a_space: int = 100
    runs_a_day: int = 10_000
    bytes_a_day: int = 50 << 30
    min_every_s: int = 15 * 60

    def check_number(self, in_all: int, of_space: int) -> None:
        """Return if there may be one account more. Raises TooMuch."""
        if in_all >= self.accounts:
            raise TooMuch("accounts", self.accounts)
        if of_space >= self.accounts_a_space:
            raise TooMuch("accounts of one space", self.accounts_a_space)

    def begin(self, session: Session, space: str, now_ms: int) -> int:
        """Count one run of `space`; the bytes that it may write. Raises UsedUp."""
        runs, used = _today(session, space, now_ms)
        if runs >= self.runs_a_day:
            raise UsedUp("runs")
        if used >= self.bytes_a_day:
            raise UsedUp("bytes")
        session.run("UPDATE agent_space SET runs = runs + 1 WHERE space = ?", (space,))
        return self.bytes_a_day - used


def count_bytes(session: Session, space: str, size: int, now_ms: int) -> None:
    """So many were written to `space`."""
    _today(session, space, now_ms)
    session.run("UPDATE agent_space SET bytes = bytes + ? WHERE space = ?", (size, space))


def _today(session: Session, space: str, now_ms: int) -> tuple[int, int]:
    """The runs and bytes of this day, the row locked."""
    day = now_ms // DAY_MS
    add_space(session, space)
    session.run(
        "UPDATE agent_space SET day = ?, runs = 0, bytes = 0 WHERE space = ? AND day <> ?", (day, space, day)
    )
    sql = f"SELECT runs, bytes FROM agent_space WHERE space = ?{session.row_lock}"  # noqa: S608
    ((runs, size),) = session.rows(sql, (space,))
    return runs, size


def add_space(session: Session, space: str) -> None:
    """Make the row of `space`, if it has none."""
    session.run(
        "INSERT INTO agent_space (space, day, runs, bytes) VALUES (?, 0, 0, 0)"
        " ON CONFLICT (space) DO NOTHING",
        (space,),
    )
