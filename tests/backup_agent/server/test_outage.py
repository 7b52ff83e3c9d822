"""The database is gone for as long as it likes: here seconds, with all waits for it made as short.

By hand, with an operator's waits, three workers and 60 accounts: gone for 25 minutes with 7 runs under way;
ready 4 s after it was back, all backed up once after 28 s.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from backup_agent.server import account_rows, run_rows
from backup_agent.server.database import Database, open_database
from tests.backup_agent.server.agent_process import AgentProcess, running_child, until
from tests.backup_agent.server.crowd import HEADERS, Owner, ask, run_crowd
from tests.backup_agent.server.test_cluster import overlapping
from tests.clock_service.postgres import NOT_TESTED, Server
from ucan import encode_request

ACCOUNTS = 8


@pytest.fixture
def own() -> Iterator[Server]:
    """A PostgreSQL that no other test needs."""
    try:
        server = Server()
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{NOT_TESTED}: {error}")
    with psycopg.connect(server.url("postgres"), autocommit=True) as db:
        db.execute("CREATE DATABASE agent")
    yield server
    server.stop()


def running_now(database: Database) -> list[str]:
    return [each.did for each in database.do(lambda session: account_rows.worst(session, 99)) if each.worker]


def is_unready(server: AgentProcess) -> bool:
    return server.get("/health").status_code == 503


def test_runs_under_way_are_done_again_and_nothing_twice(own: Server, tmp_path: Path) -> None:
    owner = Owner.make("owner", tmp_path)
    told = {"root": str(tmp_path), "database": own.url("agent"), "again": 0.3}
    with (
        run_crowd(ACCOUNTS) as (crowd, plc),
        running_child(tmp_path / "a.log", plc=plc, **told) as first,
        running_child(tmp_path / "b.log", plc=plc, **told) as second,
    ):
        database = open_database(own.url("agent"))
        crowd.delay_s = 0.7
        ask(first.url, *(owner.schedule(first.did, did) for did in crowd.accounts))
        until(lambda: crowd.requests["getRepo"] >= 2)
        held = running_now(database)
        own.crash()
        until(lambda: is_unready(first) and is_unready(second))
        call = first.post(encode_request([owner.invoke(first.did, "backup/list", {})]), HEADERS)
        assert (call.status_code, call.headers["retry-after"]) == (503, "5")
        crowd.delay_s = 0.0
        own.start()
        until(lambda: first.get("/health").status_code == second.get("/health").status_code == 200)
        found = account_rows.worst
        until(lambda: all(each.last_good for each in database.do(lambda session: found(session, 99))), 60)
        runs = database.do(lambda session: run_rows.newest(session, 999))
        assert not overlapping(database)
        database.close()
    assert owner.snapshots() == dict.fromkeys(crowd.accounts, 1)
    assert held
    assert {run.result for run in runs} <= {"recorded", "unchanged", "waiting"}
