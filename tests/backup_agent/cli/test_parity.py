"""`skypail space parity`: damage is repaired with no other copy."""

from tests.backup_agent.cli.shell import Shell, damage


def test_a_damaged_shard_comes_back_from_its_parity(kept: Shell) -> None:
    said = kept("space", "parity", "10", "--json")
    assert (said.code, said.document["percent"], said.document["shards"] >= 2) == (0, 10, True)
    damage(kept.home)
    assert kept("verify", "--all").code == 1
    assert kept("repair").code == 0
    assert kept("verify", "--all").code == 0


def test_new_shards_are_covered_too(kept: Shell) -> None:
    assert kept("space", "parity").out.startswith("No parity")
    kept("space", "parity", "5")
    assert kept("prune", "--keep-last", "1").code == 0
    shards = {path.name for path in (kept.home / "space/shards").glob("*.car")}
    parities = {path.name.removesuffix(".par") for path in (kept.home / "space/shards").glob("*.par")}
    assert shards <= parities
    said = kept("space", "parity", "--json").document
    assert said == {"percent": 5, "shards": 0, "writtenBytes": 0, "keptHere": True}
    assert kept("check").code == 0


def test_it_can_be_given_up(kept: Shell) -> None:
    kept("space", "parity", "5")
    assert kept("space", "parity", "0", "--json").document["percent"] == 0
    assert kept("space", "parity", "101").code == 2


def test_another_percentage_is_for_what_comes(kept: Shell) -> None:
    shards = kept("space", "parity", "5", "--json").document["shards"]
    said = kept("space", "parity", "30", "--json").document
    assert (said["percent"], said["otherPercent"] > 0) == (30, True)
    assert said["otherPercent"] <= shards
    assert "parity of another percentage, which stays as it is" in kept("space", "parity").out
