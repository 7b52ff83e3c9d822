"""What was lost is said as it is; repair brings back what can be, and then there is an end to it."""

import shutil
from pathlib import Path

from tests.backup_agent.cli.shell import Shell, damage


def lose(kept: Shell, *names: str) -> None:
    for name in names:
        shutil.rmtree(kept.home / name)


def test_lost_heads_are_named_and_recovered(kept: Shell) -> None:
    before = kept("snapshots").out
    lose(kept, "space/heads", "cache")
    assert kept("snapshots").code == kept("check").code == 1
    assert "no head reaches" in kept("check").err
    assert kept("repair").code == 0
    assert kept("snapshots").out == before
    assert kept("check").code == 0


def test_a_shard_that_is_gone_is_given_up_once(kept: Shell) -> None:
    kept("snapshots")
    min((kept.home / "space/shards").glob("*.car"), key=lambda path: path.stat().st_size).unlink()
    assert "and with it" in kept("check").out
    repaired = kept("repair")
    assert repaired.code == 1
    assert "Given up" in repaired.out
    assert "`skypail verify --all`" in repaired.out
    assert "damaged:" not in kept("check").out


def test_a_damaged_shard_that_stays_is_settled_by_repair(kept: Shell) -> None:
    kept("snapshots")
    damage(kept.home)
    checked = kept("check")
    assert (checked.code, kept("repair").code) == (1, 1)
    assert "a block whose name is lost" not in checked.out
    assert "Checked: 0 good blocks" not in checked.out
    for command in ("check", "repair"):
        said = kept(command)
        assert said.code == 0
        assert "damaged, nothing in it is needed any more: bagb" in said.out
        assert "\nWhole: every shard that is here." in said.out
    damage(kept.home)  # heals the bit: the file is another one
    assert kept("check").code == 0
    assert "nothing in it is needed" not in kept("check").out


def test_a_garbled_index_fails_the_check_until_it_is_repaired(kept: Shell) -> None:
    index = min((kept.home / "space/shards").glob("*.idx"))
    index.write_bytes(b"?" + index.read_bytes())
    said = kept("check")
    assert said.code == 1
    assert said.out.endswith("NOT WHOLE: no block is lost; `skypail repair` mends what is named above.\n")
    assert kept("check", "--json").document["whole"] is False
    assert (kept("repair").code, kept("check").code) == (0, 0)


def test_a_space_file_that_is_gone_is_named_and_made_anew(kept: Shell) -> None:
    before = kept("snapshots").out
    [file] = (kept.home / "space").glob("*.space")
    for lost in ("gone", "torn"):
        file.unlink() if lost == "gone" else [f.write_text("{") for f in file.parent.glob("*.space")]
        for command in ("snapshots", "check", "verify"):
            said = kept(command)
            assert said.code == 1
            assert "holds shards but no .space file; `skypail space recover` makes it anew" in said.err
        assert kept("repair").code == 0
        assert kept("snapshots").out == before


def test_a_repair_counts_no_block_twice_and_verify_says_what_to_do(kept: Shell) -> None:
    before = kept("check", "--json").document["blocks"]
    damage(kept.home)
    kept("check")
    assert kept("repair", "--json").document["blocks"] == before - 1
    said = kept("verify", "--all")
    assert (said.code, "damaged. `skypail repair` mends what parity" in said.out) == (1, True)


def test_what_repair_mended_is_said_so(kept: Shell) -> None:
    kept("snapshots")
    shard = min((kept.home / "space/shards").glob("*.car"), key=lambda path: path.stat().st_size)
    content = bytearray(shard.read_bytes())
    content[3] ^= 1  # in the header: no block is lost
    shard.write_bytes(content)
    assert f"\ndamaged: {shard.name}: " in kept("check").out
    said = kept("repair")
    assert (said.code, "\ndamaged: " in said.out, "\nWhole: " in said.out) == (0, False, True)
    assert (
        f"\nmended: {shard.name}: the header or the end of the file is damaged; its blocks are in" in said.out
    )


def test_what_may_be_done_with_a_damaged_file_is_said_and_may_be_done(kept: Shell) -> None:
    before = kept("snapshots").out
    damage(kept.home)
    kept("repair")
    said = kept("check")
    [line] = [line for line in said.out.splitlines() if line.startswith("damaged, nothing in it is needed")]
    assert line.endswith(
        "; it may be deleted, unless it is whole on another machine or in a copy of the folder"
    )
    name = line.removeprefix("damaged, nothing in it is needed any more: ").partition(";")[0]
    (kept.home / "space/shards" / name).unlink()
    said = kept("check")
    assert (said.code, name in said.out) == (0, False)
    assert kept("snapshots").out == before


def test_another_home_says_the_same_of_what_was_repaired(kept: Shell, tmp_path: Path) -> None:
    damage(kept.home)
    kept("repair")
    other = Shell(tmp_path / "other", kept.capsys, kept.monkeypatch)
    for shell, option in ((kept, []), (other, ["--space", kept.home / "space"])):
        said = shell("check", *option)
        assert (said.code, "\ndamaged: " in said.out) == (0, False)
        assert "damaged, nothing in it is needed any more: bagb" in said.out
