"""A space comes back from nothing but its shards and its key."""

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

from pail.event import encode_event
from pail.operation import Put, encode_operation
from pail.shard import EMPTY
from space.head_object import encode_head_object
from tests.backup_agent.cli.shell import Shell, damage
from tests.provider.child import running
from ucan import Signer


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


def test_a_head_whose_events_are_nowhere_is_named_with_the_way_on(kept: Shell) -> None:
    [own] = (kept.home / "space/heads").iterdir()
    lost = Signer.from_seed(b"a machine that is gone".ljust(32))
    event = encode_event((), encode_operation(Put("key", EMPTY.cid), EMPTY.cid)).cid
    other = own.with_name(lost.did.removeprefix("did:key:") + ".head")
    other.write_bytes(encode_head_object((event,), lost))
    said = kept("space", "recover")
    assert (said.code, f"lost: the newest snapshots that heads/{other.name} names" in said.out) == (1, True)
    assert "remove that file by hand" in said.out
    other.unlink()
    assert kept("space", "recover").code == 0
    assert kept("verify", "--all").code == 0


def test_the_hints_name_the_place(kept: Shell) -> None:
    place = kept.home.parent / "elsewhere"
    (kept.home / "space").rename(place)
    said = kept("space", "recover", "--space", place)
    assert f"`skypail verify --all --space {place}`" in said.out
    assert f"`skypail verify --all --space {place}`" in kept("check", "--space", place).out


def test_a_provider_whose_clock_is_lost_is_told_what_was_found(kept: Shell, tmp_path: Path) -> None:
    kept.environ |= {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    (tmp_path / "provider").mkdir()
    with running(tmp_path / "provider") as provider:
        assert kept("space", "register", provider.url, "--account", "lost@example.com").code == 0
        assert kept("space", "move", provider.url).code == 0
        words = kept("space", "key", "export").out
        with sqlite3.connect(tmp_path / "provider/provider.db") as database:
            database.execute("DELETE FROM event")
            database.execute("UPDATE clock SET head = x'', events = 0, bytes = 0")
        database.close()
        for home in ("second", "third"):  # the third shows that the clock knows it from the second
            machine = replace(kept, home=tmp_path / home)
            assert "no key of one is here" in machine("snapshots", "--space", provider.url).err
            machine("space", "key", "import", stdin=words)
            if home == "second":
                assert machine("snapshots", "--space", provider.url).code == 1
                assert machine("space", "recover", "--space", provider.url).code == 0
            said = machine("snapshots", "--space", provider.url, "--json")
            assert (said.code, len(said.document["snapshots"])) == (0, 2), said
