"""A space comes back from nothing but its shards and its key."""

import shutil

from tests.backup_agent.cli.shell import Shell, damage


def lose_all_but_shards(kept: Shell) -> tuple[str, str]:
    """A new machine, the shards, and what was written down: the words. The space's DID comes along."""
    did = kept("space", "info", "--json").document["space"]
    words = kept("space", "key", "export").out
    shards = kept.home / "space/shards"
    saved = kept.home.parent / "saved"
    shutil.copytree(shards, saved / "shards")
    shutil.rmtree(kept.home)
    (kept.home).mkdir()
    shutil.move(saved, kept.home / "space")
    return did, words


def test_a_space_comes_back_from_its_shards_and_its_words(kept: Shell) -> None:
    before = kept("snapshots").out
    did, words = lose_all_but_shards(kept)
    assert kept("space", "key", "import", stdin=words).code == 0
    said = kept("space", "recover", "--json")
    assert said.code == 0
    document = said.document
    assert (document["whole"], document["space"], document["keyHere"]) == (True, did, True)
    assert list(document["snapshots"].values()) == [2]
    assert kept("snapshots").out == before
    assert kept("verify", "--all").code == 0
    again = kept("space", "recover", "--json").document
    assert (again["recoveredEvents"], again["whole"]) == (0, True)


def test_index_objects_need_not_be_there(kept: Shell) -> None:
    did, words = lose_all_but_shards(kept)
    for path in (kept.home / "space/shards").glob("*.idx"):
        path.unlink()
    kept("space", "key", "import", stdin=words)
    assert kept("space", "recover").code == 0
    assert kept("check").code == 0
    assert did in kept("space", "info").out


def test_without_its_key_nobody_can_say_which_space_it_is(kept: Shell) -> None:
    _, words = lose_all_but_shards(kept)
    said = kept("space", "recover")
    assert (said.code, "no key of a space is here" in said.err) == (1, True)
    kept("space", "key", "import", stdin=words)
    kept("space", "create", kept.home.parent / "another")
    said = kept("space", "recover")
    assert (said.code, "2 keys of spaces are here" in said.err) == (1, True)


def test_the_key_to_use_can_be_named(kept: Shell) -> None:
    did, words = lose_all_but_shards(kept)
    kept("space", "create", kept.home.parent / "another")
    assert "not on this machine" in kept("space", "recover", "--did", did).err
    kept("space", "key", "import", stdin=words)
    assert kept("space", "recover", "--did", did, "--json").document["space"] == did


def test_what_is_lost_is_named(kept: Shell) -> None:
    _, words = lose_all_but_shards(kept)
    damage(kept.home)
    kept("space", "key", "import", stdin=words)
    said = kept("space", "recover", "--json")
    assert (said.code, said.document["whole"], said.document["missingBlocks"]) == (1, False, 1)
    assert "1 block; `skypail verify --all` says of what" in kept("space", "recover").out
