"""`skypail agent revoke`: what was revoked is worth nothing, also to a service that comes later."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from clock_service import open_store
from pail import parse_cid
from tests.backup_agent.cli.clock_heads import service_head
from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
from tests.backup_agent.cli.shell import Shell
from tests.backup_agent.cli.two_agents import hand_over, next_backup
from tests.faulty_host import FaultyHost


@pytest.fixture(scope="module")
def guard() -> str:
    return "require"


def test_what_was_revoked_is_worth_nothing(
    owner: Shell, second: Shell, host: FaultyHost, folder: Path, tmp_path: Path
) -> None:
    cid = hand_over(owner, second, tmp_path / "d.ucan")
    assert len(service_head(second, folder)) == 1
    said = owner("agent", "revoke", cid)
    assert (said.code, said.err) == (0, "")
    assert [row["kind"] for row in owner("agent", "list", "--json").document["delegations"]] == ["revoked"]
    _, clock, err = next_backup(second, host, folder)
    assert not clock["ok"]
    assert "it was revoked (Unauthorized)" in err
    assert "catches up" not in err  # trying again does not help
    assert owner("clock", "sync").code == 0  # the owner may, of course


def test_a_delegation_can_be_passed_on_and_both_ends_can_be_taken_back(
    owner: Shell, second: Shell, folder: Path, tmp_path: Path
) -> None:
    cid = hand_over(owner, second, tmp_path / "one.ucan")
    third = Shell(tmp_path / "third", owner.capsys, owner.monkeypatch, owner.environ)
    to = third("agent", "id").out.strip()
    made = second(
        "agent", "delegate", "--to", to, "--expires", "12h", "--space", folder, "--out", tmp_path / "two.ucan"
    )
    assert made.code == 0, made.err
    third("agent", "add", tmp_path / "two.ucan")
    url = owner("clock", "head", "--json").document["clocks"][0]["url"]
    third("clock", "use", url, "--space", folder)
    assert len(service_head(third, folder)) == 1
    owner("agent", "revoke", cid)
    assert service_head(third, folder) == []


def test_only_what_is_known_is_revoked(kept: Shell) -> None:
    said = kept("agent", "revoke", "../../agent.key")
    assert said.code == 1
    assert "is known here; see `skypail agent list`" in said.err


@pytest.mark.parametrize("verb", ["use", "fork"])
def test_what_was_revoked_is_worth_nothing_to_a_new_service_either(
    owner: Shell, second: Shell, folder: Path, tmp_path: Path, mortal: ClockProcess, verb: str
) -> None:
    cid = hand_over(owner, second, tmp_path / "d.ucan")
    assert owner("agent", "revoke", cid).code == 0
    assert owner("clock", verb, mortal.url).code == 0
    second("clock", "use", mortal.url, "--space", folder)
    rows = second("clock", "head", "--space", folder, "--json").document["clocks"]
    assert "it was revoked (Unauthorized)" in rows[-1]["problem"]


@pytest.mark.parametrize("verb", ["use", "fork"])
def test_a_new_service_that_cannot_be_told_of_revocations_is_not_used(
    owner: Shell, second: Shell, service: ClockProcess, tmp_path: Path, mortal: ClockProcess, verb: str
) -> None:
    cid = hand_over(owner, second, tmp_path / "d.ucan")
    assert owner("agent", "revoke", cid).code == 0
    mortal.kill()
    said = owner("clock", verb, mortal.url, "--did", mortal.did)
    assert (said.code, "cannot be asked" in said.err) == (1, True)
    assert [row["url"] for row in owner("clock", "head", "--json").document["clocks"]] == [service.url]


def test_a_revocation_while_one_service_is_down_is_finished_by_sync(
    owner: Shell, second: Shell, folder: Path, tmp_path: Path, service: ClockProcess, mortal: ClockProcess
) -> None:
    cid = hand_over(owner, second, tmp_path / "d.ucan")
    owner("clock", "use", mortal.url)
    mortal.kill()
    said = owner("agent", "revoke", cid)
    assert (said.code, said.out) == (1, f"Revoked {cid} at {service.url}\n")
    assert f"the clock at {mortal.url} cannot be asked" in said.err
    assert "`skypail clock sync` finishes it" in said.err
    assert [row["kind"] for row in owner("agent", "list", "--json").document["delegations"]] == ["revoked"]
    mortal.start()
    assert owner("clock", "sync").code == 0
    second("clock", "use", mortal.url, "--space", folder)
    rows = second("clock", "head", "--space", folder, "--json").document["clocks"]
    assert ["it was revoked" in row["problem"] for row in rows] == [True, True]


def test_a_fork_without_a_revocation_sends_nothing_and_switches_nothing(
    owner: Shell, second: Shell, folder: Path, tmp_path: Path, service: ClockProcess, mortal: ClockProcess
) -> None:
    hand_over(owner, second, tmp_path / "d.ucan")
    revoked = owner.home / "delegations" / "revoked"
    revoked.mkdir()
    passed_on = ("--to", service.did, "--expires", "12h", "--space", folder, "--out", revoked / "x.ucan")
    assert second("agent", "delegate", *passed_on).code == 0
    said = owner("clock", "fork", mortal.url)
    assert (said.code, "and its key is not here" in said.err) == (1, True)
    assert [row["url"] for row in owner("clock", "head", "--json").document["clocks"]] == [service.url]
    (revoked / "x.ucan").unlink()
    owner("clock", "use", mortal.url)
    assert owner("clock", "head", "--json").document["clocks"][1]["head"] == []


@pytest.fixture
def revoked(owner: Shell, service: ClockProcess) -> str:
    """A delegation that the owner revoked before another service came into use."""
    to = "did:key:z6MkwXG2WjeQnNxSoynSGYU8V9j3QzP3JSqhdmkHc6SaVWoT"
    file = owner.home / "revoked.ucan"
    made = owner("agent", "delegate", "--to", to, "--expires", "30d", "--out", file, "--json")
    assert owner("agent", "revoke", made.document["cid"]).code == 0
    return made.document["cid"]


def knows_revoked(service: ClockProcess, cid: str) -> bool:
    with closing(open_store(f"sqlite:///{service.home}/clock-service/clock.db")) as store:
        return bool(asyncio.run(store.revocations([parse_cid(cid)])))


def test_a_clock_named_for_one_backup_learns_what_is_revoked_first(
    owner: Shell, host: FaultyHost, mortal: ClockProcess, revoked: str
) -> None:
    assert owner("backup", host.demo.recording.did, "--clock", mortal.url).code == 0
    assert knows_revoked(mortal, revoked)


def test_one_that_cannot_be_told_is_not_used_and_the_way_out_is_said(
    owner: Shell, host: FaultyHost, tmp_path: Path, revoked: str
) -> None:
    with running_clock(tmp_path / "operator") as strict:
        said = owner("clock", "use", strict.url)
        assert said.code == 1
        assert "must know first" in said.err
        assert "once it hosts the space, try again" in said.err
        recorded = owner("backup", host.demo.recording.did, "--clock", strict.url)
        assert recorded.code == 3
        used = owner("clock", "use", strict.url, "--without-revocation", revoked)
        assert "does not host the space yet" in used.err
        assert not knows_revoked(strict, revoked)
