"""A revocation stops the next run, and the one under way before it writes anything more (T3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backup_agent.server import account_rows, revocation_rows
from backup_agent.server.account import Account
from backup_agent.server.database import Database, open_database
from pail import Value
from tests.backup_agent.server.agent_process import AgentProcess, running_child, until
from tests.backup_agent.server.crowd import Crowd, Owner, ask, run_crowd
from ucan import Capability, Delegation, delegate, view_delegation


@dataclass(frozen=True)
class Bench:
    """One server for all tests of this file; each takes an account and an owner of its own."""

    crowd: Crowd
    server: AgentProcess
    database: Database
    root: Path
    unused: list[str]

    def take(self) -> tuple[str, Owner]:
        did = self.unused.pop()
        return did, Owner.make(did, self.root)

    def account(self, did: str) -> Account:
        found = self.database.do(lambda session: account_rows.worst(session, 10))
        return next(each for each in found if each.did == did)

    def is_good(self, did: str) -> bool:
        return self.account(did).last_good is not None

    def has_run(self, did: str) -> bool:
        return self.account(did).last_run is not None

    def ok(self, *invocations: Delegation) -> None:
        for receipt in ask(self.server.url, *invocations):
            assert "ok" in receipt.out, receipt.out


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("revoking")
    url = f"sqlite:///{root}/agent.db"
    with (
        run_crowd(4) as (crowd, plc),
        running_child(root / "agent.log", root=str(root), database=url, plc=plc) as server,
    ):
        database = open_database(url)
        yield Bench(crowd, server, database, root, list(crowd.accounts))
        database.close()


def revocation(owner: Owner, server: str, delegation: Delegation) -> Delegation:
    nb: dict[str, Value] = {"ucan": delegation.cid}
    return delegate(
        owner.key,
        server,
        [Capability("ucan/revoke", owner.key.did, nb)],
        expires_at_unix=None,
        facts=[{str(delegation.cid): delegation.cid}],
        attached=list(delegation.export()),
    )


def granted(scheduling: Delegation) -> Delegation:
    """The delegation that a `backup/schedule` brings along."""
    nb = scheduling.ucan.capabilities[0].nb
    assert nb is not None
    links = nb["delegations"]
    assert isinstance(links, list)
    return view_delegation(links[0], scheduling.blocks)  # type: ignore[arg-type]


def test_between_two_runs(bench: Bench) -> None:
    did, owner = bench.take()
    bench.crowd.delay_s = 0.0
    scheduling = owner.schedule(bench.server.did, did)
    bench.ok(scheduling)
    until(lambda: bench.is_good(did))
    bench.ok(revocation(owner, bench.server.did, granted(scheduling)))
    bench.crowd.post(did)
    (receipt,) = ask(bench.server.url, owner.invoke(bench.server.did, "backup/now", {"account": did}))
    assert "was revoked" in str(receipt.out["error"])
    assert bench.account(did).state == "ended"
    assert owner.snapshots() == {did: 1}


def test_in_the_middle_of_a_run(bench: Bench) -> None:
    did, owner = bench.take()
    bench.crowd.delay_s = 1.0
    scheduling = owner.schedule(bench.server.did, did)
    bench.ok(scheduling)
    until(lambda: bench.crowd.repos[did] > 0)
    before = sorted(path.name for path in owner.folder.rglob("*"))
    bench.ok(revocation(owner, bench.server.did, granted(scheduling)))
    until(lambda: bench.has_run(did))
    account = bench.account(did)
    assert account.last_run is not None
    assert (account.last_run.result, account.state) == ("stopped", "ended")
    assert "was revoked" in account.reason
    assert sorted(path.name for path in owner.folder.rglob("*")) == before
    assert owner.snapshots() == {}


def test_by_a_stranger_it_changes_nothing(bench: Bench) -> None:
    did, owner = bench.take()
    bench.crowd.delay_s = 0.0
    scheduling = owner.schedule(bench.server.did, did)
    bench.ok(scheduling)
    stranger = Owner.make("stranger", bench.root)
    (receipt,) = ask(bench.server.url, revocation(stranger, bench.server.did, granted(scheduling)))
    assert "UnauthorizedRevocation" in str(receipt.out)
    until(lambda: bench.is_good(did))


def test_of_a_space_that_is_not_scheduled_none_is_stored(bench: Bench) -> None:
    stranger = Owner.make("stranger", bench.root)
    unknown = stranger.delegation(bench.server.did, "did:plc:" + "a" * 24)
    (receipt,) = ask(bench.server.url, revocation(stranger, bench.server.did, unknown))
    assert "NotScheduled" in str(receipt.out)
    assert bench.database.do(lambda session: revocation_rows.revocations(session, [unknown.cid])) == []


def test_a_pause_stops_the_run_that_is_under_way(bench: Bench) -> None:
    did, owner = bench.take()
    bench.crowd.delay_s = 1.0
    bench.ok(owner.schedule(bench.server.did, did))
    until(lambda: bench.crowd.repos[did] > 0)
    bench.ok(owner.invoke(bench.server.did, "backup/pause", {"account": did}))
    until(lambda: bench.has_run(did))
    assert (bench.account(did).state, owner.snapshots()) == ("paused", {})
    bench.crowd.delay_s = 0.0
    bench.ok(owner.invoke(bench.server.did, "backup/resume", {"account": did}))
    until(lambda: bench.is_good(did))
    assert owner.snapshots() == {did: 1}
