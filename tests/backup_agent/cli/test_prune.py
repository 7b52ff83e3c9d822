"""`skypail prune` as its user meets it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from space import clearing
from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
from tests.backup_agent.cli.shell import Shell, add_snapshot
from tests.provider.child import running


def test_without_a_policy_nothing_is_dropped(kept: Shell) -> None:
    said = kept("prune")
    assert (said.code, "has no retention policy yet" in said.err) == (1, True)
    said = kept("prune", "--keep-last", "0")
    assert (said.code, "no rule keeps anything" in said.err) == (2, True)
    assert kept("prune", "--keep-daily", "100001").code == 2
    assert len(kept("snapshots", "--json").document["snapshots"]) == 2


def test_a_dry_run_says_what_would_go(kept: Shell) -> None:
    before = {name for name in kept.files if name.startswith("space/")}
    said = kept("prune", "--keep-last", "1", "--dry-run", "--json")
    assert (said.code, said.document["dryRun"]) == (0, True)
    assert [len(said.document[name]) for name in ("kept", "dropped")] == [1, 1]
    told = kept("prune", "--keep-last", "1", "--dry-run").out
    assert "Would drop 1 of 2 snapshots" in told
    assert "An estimate" in told
    assert {name for name in kept.files if name.startswith("space/")} == before
    assert kept("prune").code == 1  # nor was the policy kept


def test_a_prune_and_what_works_after_it(kept: Shell) -> None:
    newest = kept("snapshots", "--json").document["snapshots"][-1]["timestamp"]
    said = kept("prune", "--keep-last", "1")
    assert (said.code, said.err) == (0, "")
    assert "Keeping --keep-last 1\nDropped 1 of 2 snapshots" in said.out
    assert [row["timestamp"] for row in kept("snapshots", "--json").document["snapshots"]] == [newest]
    assert [kept(*command).code for command in (["verify", "--all"], ["check"], ["clock", "log"])] == [
        0,
        0,
        0,
    ]
    assert kept("space", "info", "--json").document["retention"] == "--keep-last 1"


def test_the_policy_of_the_space_is_used_again(kept: Shell) -> None:
    kept("prune", "--keep-last", "2")
    add_snapshot(kept.home, created_at="2001-01-01T00:00:00.000Z")
    again = kept("prune", "--json").document
    assert (again["policy"], len(again["dropped"])) == ("--keep-last 2", 1)


def test_an_agent_that_may_only_add_is_told_so_by_name(kept: Shell, tmp_path: Path) -> None:
    owner = kept.home
    kept.home = tmp_path / "other-home"
    agent = kept("agent", "id", "--json").document["agent"]
    kept.home = owner
    file = tmp_path / "other.ucan"
    options = ("--to", agent, "--ops", "put", "--expires", "30d", "--out", file)
    cid = kept("agent", "delegate", *options, "--json").document["cid"]
    kept.home = tmp_path / "other-home"
    assert kept("agent", "add", file).code == 0
    said = kept("prune", "--keep-last", "1", "--space", owner / "space")
    assert (said.code, cid in said.err, "put" in said.err) == (1, True, True)
    assert len(kept("snapshots", "--space", owner / "space", "--json").document["snapshots"]) == 2


@pytest.fixture
def at_provider(kept: Shell, tmp_path: Path) -> Iterator[ClockProcess]:
    """The space lies at a provider; another clock service is in use, too, and can be killed."""
    kept.environ |= {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    (tmp_path / "provider").mkdir()
    with (
        running(tmp_path / "provider") as provider,
        running_clock(tmp_path / "clock", "--provision", "open") as service,
    ):
        assert kept("space", "register", provider.url, "--account", "pruner@example.com").code == 0
        assert kept("space", "move", provider.url).code == 0
        assert kept("clock", "use", service.url).code == 0
        assert kept("clock", "sync").code == 0
        yield service


def test_a_clock_that_does_not_answer_refuses_a_prune_at_a_provider(
    kept: Shell, at_provider: ClockProcess
) -> None:
    before = kept("space", "info", "--json").document
    at_provider.kill()
    said = kept("prune", "--keep-last", "1", "--now")
    assert (said.code, "nothing was pruned" in said.err, at_provider.url in said.err) == (1, True, True), said
    at_provider.start()
    assert kept("space", "info", "--json").document == before
    assert kept("prune", "--keep-last", "1", "--now").code == 0


def test_a_clock_that_falls_silent_during_a_prune_keeps_every_shard(
    kept: Shell, at_provider: ClockProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept("space", "info", "--json").document["shards"]
    doom = clearing._Clearing._doom  # pyright: ignore[reportPrivateUsage] - what comes before the last look

    def then_silence(self: Any, live: Any) -> None:
        doom(self, live)
        at_provider.kill()

    with monkeypatch.context() as patch:
        patch.setattr(clearing._Clearing, "_doom", then_silence)  # pyright: ignore[reportPrivateUsage]
        said = kept("prune", "--keep-last", "1", "--now")
    assert (said.code, "nothing was removed" in said.err) == (1, True), said
    at_provider.start()
    assert kept("space", "info", "--json").document["shards"] >= before
    assert kept("clock", "sync").code == 0
    assert len(kept("prune", "--now", "--json").document["removed"]) > 0
    assert kept("verify", "--all").code == 0


def test_shards_that_only_repair_can_free_are_said_and_are_no_success(kept: Shell) -> None:
    head = next((kept.home / "space/heads").iterdir())
    content = head.read_bytes()
    add_snapshot(kept.home, created_at="2031-01-01T00:00:00.000Z")
    head.write_bytes(content)  # the newest event was published, and its head was lost
    for path in (kept.home / "cache").glob("*.sqlite*"):
        path.unlink()
    said = kept("prune", "--keep-last", "1", "--now")
    assert said.code == 3, said
    assert "for now: among them is an event" in said.out
    assert "waiting does not change that: run `skypail repair`" in said.err
    kept("repair")
    assert kept("prune", "--now").code == 0
