"""`skypail prune` as its user meets it."""

from pathlib import Path

from tests.backup_agent.cli.shell import Shell, add_snapshot


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
