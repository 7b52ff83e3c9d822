"""A job from its beginning to its end: take the account, run it, note what came of it, give it back."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import NamedTuple, TypeVar

from backup_agent.errors import AgentError
from backup_agent.run import Outcome
from backup_agent.server import account_rows, host_rows, lease_rows, revocation_rows, run_rows, share_rows
from backup_agent.server.account import Account, RunNote
from backup_agent.server.attempt import Attempts
from backup_agent.server.errors import Lapsed, ServerError
from backup_agent.server.lease_rows import Lease, Taken
from backup_agent.server.limits import Limits, count_bytes
from backup_agent.server.noting import note_of, note_of_failure
from backup_agent.server.permit import Permit
from backup_agent.server.schedule import MAX_FAILURES, State
from backup_agent.server.verdict import Verdict, judge
from clock_service.errors import ClockServiceError, StoreUnavailable
from clock_service.session import Session
from pail import PailError
from space import SpaceError
from ucan import UcanError

T = TypeVar("T")

NOTE_AGAIN_S = 5.0
MAX_NOTE_TRIES = 1440
"""Two hours without a database."""

LOGGED_TRIES = 12
"""One of so many is logged: once a minute."""

KNOWN_FAILURES = (AgentError, ClockServiceError, PailError, SpaceError, UcanError, OSError, TimeoutError)

log = logging.getLogger(__name__)


class WorkersDied(ServerError):
    """The account may be what kills them."""

    def __init__(self) -> None:
        super().__init__(f"{MAX_FAILURES} workers ended in the middle of its runs; tell the operator")


class _End(NamedTuple):
    """How a run ended: by an outcome, or by an error."""

    started: int
    ended: int
    outcome: Outcome | None
    error: Exception | None


class Runner:
    """The `jobs.Work` of one worker. once_more: called with an account that somebody waits for.

    counters: runs by result, and what they took in all, since the start. under_way: jobs now.
    """

    def __init__(
        self,
        attempts: Attempts,
        worker: str,
        limits: Limits,
        once_more: Callable[[Account], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.under_way = 0
        self._lock = Lock()
        self._attempts = attempts
        self._database = attempts.database
        self._worker = worker
        self._limits = limits
        self._once_more = once_more
        self._sleep = sleep

    def __call__(self, account: int, job: str) -> None:
        """Do the job. Whatever goes wrong is the account's result, and nobody else's."""
        with self._counted():
            self._do(Lease(account, self._worker, job))

    def _do(self, lease: Lease) -> None:
        taken = self._insist(lambda session: lease_rows.take(session, lease, self._now_ms()))
        if taken is None:
            self._insist(lambda session: account_rows.leave_line(session, lease.account, lease.job))
            return
        end = self._run(lease, taken)
        wanted = self._insist(lambda session: self._note(session, lease, end))
        if wanted is not None:
            self._once_more(wanted)

    @contextmanager
    def _counted(self) -> Generator[None]:
        with self._lock:
            self.under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self.under_way -= 1

    def _run(self, lease: Lease, taken: Taken) -> _End:
        started = self._now_ms()
        end = partial(_End, started)
        try:
            return end(outcome=self._attempt(lease, taken), error=None, ended=self._now_ms())
        except KNOWN_FAILURES as error:
            return end(outcome=None, error=error, ended=self._now_ms())
        except Exception as error:
            # A defect of ours: the account's result too, but loudly.
            log.exception("run failed by a defect", extra={"account": taken.account.did})
            return end(outcome=None, error=error, ended=self._now_ms())

    def _attempt(self, lease: Lease, taken: Taken) -> Outcome:
        account = taken.account
        if taken.is_orphan and account.failures + 1 >= MAX_FAILURES:
            raise WorkersDied
        _check_time(account, self._now_ms() // 1000)
        held = self._database.do(lambda session: revocation_rows.load(session, account.id))
        chain = revocation_rows.with_proofs(held)
        now_ms = self._now_ms()
        left = self._database.do(lambda session: self._begin(session, account, now_ms))
        permit = Permit(self._database, lease, account.space, chain, left)
        permit()
        return self._attempts.run(account, held, permit)

    def _begin(self, session: Session, account: Account, now_ms: int) -> int:
        """The bytes that the run may write. Raises Wait, UsedUp."""
        share_rows.check(session, account.id)
        return self._limits.begin(session, account.space, now_ms)

    def _note(self, session: Session, lease: Lease, end: _End) -> Account | None:
        """The account if it is wanted once more. Nothing is noted of one that is another worker's by now."""
        account = lease_rows.give_back(session, lease)
        if account is None:
            return None
        account_rows.leave_line(session, lease.account, lease.job)
        note, verdict = self._judged(account, end)
        run_rows.add(session, account, lease.worker, note)
        count_bytes(session, account.space, note.written_bytes, end.ended)
        _apply(session, account, verdict, end.ended)
        self._tell(account, note)
        return account if account.is_wanted and verdict.state is State.ACTIVE else None

    def _judged(self, account: Account, end: _End) -> tuple[RunNote, Verdict]:
        if end.outcome is not None:
            return note_of(end.outcome, end.started, end.ended), Verdict(State.ACTIVE, None, 0, "", False)
        assert end.error is not None
        verdict = judge(
            end.error,
            host=account.host,
            every_s=account.schedule.every_s,
            expires_s=account.expires_s,
            failures=account.failures,
            now_ms=end.ended,
        )
        return note_of_failure(end.error, verdict, end.started, end.ended), verdict

    def _tell(self, account: Account, note: RunNote) -> None:
        self.counters[f"runs_{note.result}"] += 1
        self.counters["milliseconds"] += note.ended - note.started
        self.counters["bytes"] += note.written_bytes
        extra = {
            "space": account.space,
            "account": account.did,
            "host": account.host,
            "result": note.result.value,
            "why": note.reason,
            "ms": note.ended - note.started,
            "bytes": note.written_bytes,
        }
        log.info("run", extra=extra)

    def _insist(self, work: Callable[[Session], T]) -> T:
        """What the database says, however long it is away: done is done, and must be noted."""
        for tries in range(MAX_NOTE_TRIES):
            try:
                return self._database.do(work)
            except StoreUnavailable as error:
                if tries % LOGGED_TRIES == 0:
                    log.warning("database away", extra={"why": str(error)})
                self._sleep(NOTE_AGAIN_S)
        return self._database.do(work)

    def _now_ms(self) -> int:
        return int(self._attempts.now() * 1000)


def _check_time(account: Account, now_unix_s: int) -> None:
    """Raises Lapsed."""
    until_s, by = account.schedule.until_s, f"by this server's clock, where it is {_moment(now_unix_s)}"
    if until_s is not None and now_unix_s >= until_s:
        raise Lapsed(f"the schedule has come to the end that its owner set, {by}")
    if now_unix_s >= account.expires_s:
        renews = "any `skypail backup` or `schedule` of yours renews it"
        raise Lapsed(f"a delegation of it has ended, {by}; {renews}")


def _moment(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _apply(session: Session, account: Account, verdict: Verdict, now_ms: int) -> None:
    """Only an active account changes its state by a run: what its owner decided meanwhile stays."""
    if account.state is State.ACTIVE:
        account_rows.set_state(session, account, verdict.state, verdict.reason)
    next_due = account.next_due if verdict.next_due is None else verdict.next_due
    account_rows.set_due(session, account, next_due, verdict.failures)
    if account.host is None:
        return
    if verdict.host_fault is None:
        if not verdict.is_failure and not verdict.reason:
            host_rows.note_success(session, account.host)
    elif verdict.host_wait_s is not None:
        until_ms = now_ms + int(verdict.host_wait_s * 1000)
        host_rows.pause(session, account.host, until_ms, verdict.host_fault, now_ms)
    else:
        host_rows.note_failure(session, account.host, verdict.host_fault, now_ms)
