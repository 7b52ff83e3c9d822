"""What was lost is said as it is; repair brings back what can be, and then there is an end to it."""

import shutil

from tests.backup_agent.cli.shell import Shell


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
