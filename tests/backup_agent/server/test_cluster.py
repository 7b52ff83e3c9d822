"""Three machines on one PostgreSQL: one is killed, one is frozen, and every account is backed up once.

Each has a cache of its own, and all write to the same buckets.

In its full form: `SKYPAIL_TEST_ACCOUNTS=1000 python -m pytest tests/backup_agent/server/test_cluster.py`, ten
minutes.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from backup_agent.server import account_rows, run_rows
from backup_agent.server.account import Account
from backup_agent.server.database import Database, open_database
from backup_agent.server.worker import DECLARED_DEAD
from tests.backup_agent.server.agent_process import AgentProcess, running_child, until
from tests.backup_agent.server.crowd import BucketOwner, Crowd, Owner, ask, run_crowd
from tests.space.bucket_server import BucketServer

ACCOUNTS = int(os.environ.get("SKYPAIL_TEST_ACCOUNTS", "36"))
SPACES = max(6, ACCOUNTS // 50)

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.timeout(120 + ACCOUNTS)]


def all_accounts(database: Database) -> list[Account]:
    return database.do(lambda session: account_rows.worst(session, 10_000))


def count_done(database: Database) -> int:
    return sum(account.last_good is not None for account in all_accounts(database))


def schedule_all(server: AgentProcess, crowd: Crowd, owners: Sequence[Owner]) -> None:
    calls = [owners[number % SPACES].schedule(server.did, did) for number, did in enumerate(crowd.accounts)]
    for receipt in ask(server.url, *calls):
        assert "ok" in receipt.out, receipt.out


def test_every_account_is_backed_up_once_whatever_happens_to_two_of_three_workers(
    postgres_url: str, tmp_path: Path, bucket_server: BucketServer
) -> None:
    database = open_database(postgres_url)
    owners = [BucketOwner.at(bucket_server, f"owner{number}", tmp_path) for number in range(SPACES)]
    with ExitStack() as stack:
        crowd, url = stack.enter_context(run_crowd(ACCOUNTS))
        crowd.delay_s = 0.3
        told = {"root": str(tmp_path), "database": postgres_url, "plc": url}
        first, second, third = [
            stack.enter_context(running_child(tmp_path / f"{name}.log", cache=name, **told)) for name in "abc"
        ]
        assert first.did == second.did == third.did
        schedule_all(first, crowd, owners)
        until(lambda: count_done(database) >= ACCOUNTS // 6, 60)
        second.kill()
        third.freeze()
        lost_at = time.monotonic()
        held = [each for each in all_accounts(database) if each.worker is not None]
        until(lambda: all(database_has_taken_over(database, each) for each in held), 30)
        assert time.monotonic() - lost_at < 30
        until(lambda: count_done(database) == ACCOUNTS, 60 + ACCOUNTS / 2)
        third.thaw()
        assert third.wait() == DECLARED_DEAD
    snapshots = sum((owner.snapshots() for owner in owners), Counter[str]())
    assert snapshots == dict.fromkeys(crowd.accounts, 1)
    assert not overlapping(database)
    database.close()


def database_has_taken_over(database: Database, before: Account) -> bool:
    """Whether the account is not in the hands that had it."""
    (now,) = [each for each in all_accounts(database) if each.id == before.id]
    return now.worker != before.worker


def overlapping(database: Database) -> list[run_rows.RunRow]:
    """Runs that began before the one before of the same account had ended."""
    ends: dict[str, int] = {}
    found: list[run_rows.RunRow] = []
    for run in sorted(
        database.do(lambda session: run_rows.newest(session, 100_000)), key=lambda r: r.started
    ):
        if run.started < ends.get(run.did, 0):
            found.append(run)
        ends[run.did] = run.ended
    return found


def test_workers_of_one_command_share_the_work(postgres_url: str, tmp_path: Path) -> None:
    database = open_database(postgres_url)
    owners = [Owner.make(f"owner{number}", tmp_path) for number in range(SPACES)]
    with run_crowd(12) as (crowd, url):
        crowd.delay_s = 0.2
        told = {"root": str(tmp_path), "database": postgres_url, "plc": url, "workers": 2, "slots": 2}
        with running_child(tmp_path / "agent.log", **told) as server:
            schedule_all(server, crowd, owners)
            until(lambda: count_done(database) == 12, 60)
            workers = {run.worker for run in database.do(lambda session: run_rows.newest(session, 100))}
            assert len(workers) == 2
            assert server.get("/health").status_code == 200
            assert server.stop() == 0
    database.close()
