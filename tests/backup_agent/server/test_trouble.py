"""What goes wrong around a server is named to the owner, tried again, and nobody else's delay."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from backup_agent.server import account_rows
from backup_agent.server.account import Account, Result
from backup_agent.server.database import Database, open_database
from backup_agent.server.dead_man import DeadMan
from backup_agent.server.share_rows import OF_SPACE
from pail import Value
from tests.backup_agent.made_identity import make_identity
from tests.backup_agent.server.agent_process import AgentProcess, free_port, running_child, until
from tests.backup_agent.server.crowd import Crowd, Owner, ask, run_crowd
from ucan import Signer


@dataclass(frozen=True)
class Bench:
    """A server, and accounts that tests use up."""

    crowd: Crowd
    server: AgentProcess
    database: Database
    root: Path
    unused: list[str]

    def take(self) -> tuple[str, Owner]:
        did = self.unused.pop()
        return did, Owner.make(did, self.root)

    def account(self, did: str) -> Account:
        found = self.database.do(lambda session: account_rows.worst(session, 100))
        return next(each for each in found if each.did == did)

    def last(self, did: str) -> str:
        """The reason of the last run, once there is one."""
        until(lambda: self.account(did).last_run is not None)
        last = self.account(did).last_run
        assert last is not None
        return f"{last.result}: {last.reason}"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("trouble")
    url = f"sqlite:///{root}/agent.db"
    with (
        run_crowd(8) as (crowd, plc),
        running_child(root / "agent.log", root=str(root), database=url, plc=plc) as server,
    ):
        database = open_database(url)
        yield Bench(crowd, server, database, root, list(crowd.accounts))
        database.close()


def test_a_dead_host_delays_only_its_own_accounts(bench: Bench) -> None:
    with free_port() as port:
        dead = make_identity("dead.test", f"http://127.0.0.1:{port}")
    bench.crowd.accounts[dead.did] = dead
    (living, owner), lost = bench.take(), Owner.make("lost", bench.root)
    ask(bench.server.url, lost.schedule(bench.server.did, dead.did), owner.schedule(bench.server.did, living))
    until(lambda: bench.account(living).last_good is not None)
    assert "cannot be reached" in bench.last(dead.did)
    account = bench.account(dead.did)
    assert (account.state, account.failures, account.last_good) == ("active", 1, None)
    assert account.next_due > time.time() * 1000
    assert lost.snapshots() == {}


def test_a_clock_that_is_down_records_nothing_and_is_named(bench: Bench) -> None:
    did, owner = bench.take()
    with free_port() as port:
        clock = {"url": f"http://localhost:{port}", "did": Signer.from_seed(bytes(32)).did}
    ask(bench.server.url, owner.schedule(bench.server.did, did, clock=clock))  # type: ignore[arg-type]
    said = bench.last(did)
    assert said.startswith("failed: the clock at http://localhost")
    assert "cannot be asked" in said
    assert (bench.account(did).state, owner.snapshots()) == ("active", {})


def test_a_host_that_serves_another_account_is_not_believed(bench: Bench) -> None:
    (did, owner), (other, _) = bench.take(), bench.take()
    bench.crowd.heads[did] = bench.crowd.heads[other]
    ask(bench.server.url, owner.schedule(bench.server.did, did))
    assert bench.last(did).startswith("failed: ")
    assert (bench.account(did).last_good, owner.snapshots()) == (None, {})


def test_a_space_that_is_gone_or_another_is_parked_at_once(bench: Bench) -> None:
    did, owner = bench.take()
    moved = replace(owner, key=Signer.from_seed(b"another".ljust(32, b".")))
    moved.folder.mkdir()
    ask(bench.server.url, moved.schedule(bench.server.did, did))
    assert "no space in" in bench.last(did)
    assert bench.account(did).state == "parked"


def test_two_servers_scheduled_for_one_account_both_keep_it(bench: Bench, tmp_path: Path) -> None:
    did, owner = bench.take()
    told = {
        "root": str(bench.root),
        "database": f"sqlite:///{tmp_path}/other.db",
        "plc": "http://localhost:1",
    }
    told["plc"] = bench.crowd.accounts[did].document["service"][0]["serviceEndpoint"]
    with running_child(tmp_path / "other.log", **told) as second:
        ask(bench.server.url, owner.schedule(bench.server.did, did))
        ask(second.url, owner.schedule(second.did, did))
        database = open_database(told["database"])
        until(lambda: bench.account(did).last_good is not None)
        until(lambda: all(e.last_good for e in database.do(lambda session: account_rows.worst(session, 1))))
        database.close()
    assert owner.snapshots()[did] in (1, 2)


def test_an_account_that_had_a_wrong_clock_set_is_not_forgotten(bench: Bench) -> None:
    did, owner = bench.take()
    ask(bench.server.url, owner.schedule(bench.server.did, did))
    until(lambda: bench.account(did).last_good is not None)
    first = bench.account(did).last_run
    far = int(time.time() * 1000) + 86_400_000
    bench.database.do(
        lambda session: session.run("UPDATE agent_account SET next_due = ? WHERE did = ?", (far, did))
    )
    until(lambda: bench.account(did).last_run != first)
    last = bench.account(did).last_run
    assert last is not None
    assert last.result is Result.UNCHANGED


def test_a_host_that_limits_its_rate_lets_all_its_accounts_wait_as_long_as_it_says(tmp_path: Path) -> None:
    owner, url = Owner.make("owner", tmp_path), f"sqlite:///{tmp_path}/agent.db"
    with (
        run_crowd(4) as (crowd, plc),
        running_child(tmp_path / "agent.log", root=str(tmp_path), database=url, plc=plc, slots=1) as server,
    ):
        crowd.limited_s = 600
        ask(server.url, *(owner.schedule(server.did, did) for did in crowd.accounts))
        database = open_database(url)

        def waiting() -> list[Account]:
            found = database.do(lambda session: account_rows.worst(session, 10))
            return [each for each in found if each.last_run and each.last_run.result is Result.WAITING]

        until(lambda: len(waiting()) == 4)
        assert crowd.requests["getLatestCommit"] == 1
        assert {each.failures for each in waiting()} == {0}
        assert all("too many requests" in each.reason for each in waiting())
        assert all(each.next_due > (time.time() + 500) * 1000 for each in waiting())
        database.close()


def test_the_dead_mans_switch_is_pinged_while_all_is_well() -> None:
    with run_crowd(1) as (crowd, url):
        bad = list[str]()
        (did,) = crowd.accounts
        switch = DeadMan(f"{url}/{did}", lambda: next(iter(bad), None), allow_private=True)
        assert switch.ping()
        bad.append("late")
        assert not switch.ping()
        switch.stop()
    switch = DeadMan("http://10.0.0.1/", lambda: None, allow_private=True)
    assert not switch.ping()
    switch.stop()


@pytest.mark.xdist_group("postgres")
def test_a_database_that_cuts_every_connection_again_and_again_loses_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    owner = Owner.make("owner", tmp_path)
    cutting = threading.Event()

    def cut() -> None:
        sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        while not cutting.wait(0.5):
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(f"{sql} AND datname = current_database()")  # type: ignore[arg-type]

    with (
        run_crowd(10) as (crowd, plc),
        running_child(
            tmp_path / "agent.log", root=str(tmp_path), database=postgres_url, plc=plc, again=1.0
        ) as server,
    ):
        crowd.delay_s = 0.2
        ask(server.url, *(owner.schedule(server.did, did) for did in crowd.accounts))
        thread = threading.Thread(target=cut)
        thread.start()
        time.sleep(3)
        cutting.set()
        thread.join()
        database = open_database(postgres_url)
        until(
            lambda: all(
                each.last_good for each in database.do(lambda session: account_rows.worst(session, 20))
            ),
            60,
        )
        database.close()
    assert owner.snapshots() == dict.fromkeys(crowd.accounts, 1)


def test_told_to_stop_in_the_middle_of_a_run_it_ends_in_time(tmp_path: Path) -> None:
    owner = Owner.make("owner", tmp_path)
    url = f"sqlite:///{tmp_path}/agent.db"
    with (
        run_crowd(1) as (crowd, plc),
        running_child(tmp_path / "agent.log", root=str(tmp_path), database=url, plc=plc) as server,
    ):
        crowd.delay_s = 2.0
        ask(server.url, owner.schedule(server.did, next(iter(crowd.accounts))))
        until(lambda: crowd.requests["getLatestCommit"] > 0)
        assert server.stop() == 0


def test_a_space_with_a_silent_clock_keeps_half_of_a_worker_and_no_more(tmp_path: Path) -> None:
    slow, quick = Owner.make("slow", tmp_path), Owner.make("quick", tmp_path)
    url = f"sqlite:///{tmp_path}/agent.db"
    with (
        run_crowd(2 * OF_SPACE + 1) as (crowd, plc),
        running_child(tmp_path / "agent.log", root=str(tmp_path), database=url, plc=plc, slots=8) as server,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        database = open_database(url)
        clock: dict[str, Value] = {"url": f"http://localhost:{silent.getsockname()[1]}", "did": slow.key.did}
        living, *stuck = crowd.accounts
        ask(server.url, *(slow.schedule(server.did, did, clock=clock) for did in stuck))
        ask(server.url, *(slow.invoke(server.did, "backup/now", {"account": did}) for did in stuck))

        def all_accounts() -> list[Account]:
            return database.do(lambda session: account_rows.worst(session, 99))

        until(lambda: sum(each.worker is not None for each in all_accounts()) >= OF_SPACE)
        ask(server.url, quick.schedule(server.did, living))
        until(lambda: any(each.last_good for each in all_accounts()), 10)
        found = all_accounts()
        database.close()
    assert quick.snapshots() == {living: 1}
    assert sum(each.worker is not None and each.last_run is None for each in found) <= OF_SPACE
    others = {each.last_run.reason for each in found if each.last_run is not None and not each.last_good}
    assert others <= {f"{OF_SPACE} other accounts of the space are being backed up"}
