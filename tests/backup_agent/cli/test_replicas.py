"""Several places of one space: every backup reaches all, what one loses comes back from another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from backup_agent.home import Home
from pail import crdt, parse_cid, run
from space import FolderClock, open_folder
from tests.backup_agent.cli.shell import Shell, damage
from tests.faulty_host import FaultyHost
from tests.provider.child import Running, running


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "provider").mkdir()
    with running(tmp_path / "provider") as provider:
        yield provider


@pytest.fixture
def at_provider(kept: Shell, provider: Running) -> str:
    """The provider, kept in step with the space."""
    kept.environ |= {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    assert kept("space", "register", provider.url, "--account", f"{uuid4().hex}@example.com").code == 0
    assert kept("space", "replicate", provider.url).code == 0
    return provider.url


@pytest.fixture
def two(kept: Shell, tmp_path: Path) -> Path:
    """A folder that is kept in step with the space."""
    said = kept("space", "replicate", tmp_path / "disk")
    assert (said.code, said.err) == (0, "")
    return tmp_path / "disk"


def test_a_backup_reaches_every_place(online: Shell, host: FaultyHost, tmp_path: Path) -> None:
    did = host.demo.recording.did
    assert online("backup", did).code == 0
    replicated = online("space", "replicate", tmp_path / "a", tmp_path / "b", "--at-least", "3", "--json")
    assert (replicated.code, replicated.document["atLeast"]) == (0, 3)
    host.demo.publish_next_post()
    said = online("backup", did, "--json")
    assert (said.code, said.err) == (0, "")
    assert [place["ok"] for place in said.document["places"]] == [True, True]
    for place in ("a", "b"):
        assert online("verify", "--all", "--space", tmp_path / place).code == 0
        assert len(online("snapshots", "--space", tmp_path / place, "--json").document["snapshots"]) == 2


def test_enough_places_are_enough_and_the_rest_catches_up(
    online: Shell, host: FaultyHost, tmp_path: Path
) -> None:
    did, lost = host.demo.recording.did, tmp_path / "usb/space"
    lost.parent.mkdir()
    assert online("backup", did).code == 0
    assert online("space", "replicate", lost, tmp_path / "b").code == 0
    lost.parent.rename(tmp_path / "unplugged")
    host.demo.publish_next_post()
    said = online("backup", did)
    assert (said.code, f"{lost} is behind" in said.err) == (0, True)
    assert online("space", "replicate", tmp_path / "b", "--at-least", "3").code == 0
    said = online("backup", did)
    assert (said.code, "2 of the space's places took it, and 3 are wanted" in said.err) == (3, True)
    (tmp_path / "unplugged").rename(lost.parent)
    assert online("space", "status", "--json").document["places"][1]["behindBy"] == 1
    assert online("backup", did).code == 0
    assert online("space", "status").code == 0


def test_a_dead_place_gives_way_to_the_next(kept: Shell, two: Path) -> None:
    shutil.rmtree(kept.home / "space")
    said = kept("verify", "--all")
    assert (said.code, f"{two} is used instead" in said.err) == (0, True)
    synced = kept("space", "sync")
    assert synced.code == 0
    assert (kept.home / "space").is_dir()
    assert (kept("verify", "--all").code, kept("verify", "--all").err) == (0, "")


def test_a_dead_provider_gives_way_though_its_url_names_no_space(kept: Shell, tmp_path: Path) -> None:
    kept.environ |= {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    (tmp_path / "provider").mkdir()
    with running(tmp_path / "provider") as provider:
        assert kept("space", "register", provider.url, "--account", "gone@example.com").code == 0
        assert kept("space", "replicate", provider.url).code == 0
    said = kept("snapshots", "--space", provider.url, "--json")
    assert (said.code, f"{kept.home / 'space'} is used instead" in said.err) == (0, True), said
    assert len(said.document["snapshots"]) == 2


def test_a_place_that_was_emptied_is_not_made_anew_by_the_way(
    online: Shell, host: FaultyHost, tmp_path: Path
) -> None:
    """Else a disk that is not mounted would become a space."""
    assert online("backup", host.demo.recording.did).code == 0
    assert online("space", "replicate", tmp_path / "b").code == 0
    shutil.rmtree(tmp_path / "b")
    said = online("backup", host.demo.recording.did)
    assert (said.code, "is behind" in said.err, (tmp_path / "b").exists()) == (0, True, False)


def test_restoring_reads_lost_blocks_from_another_place(kept: Shell, two: Path) -> None:
    damage(kept.home)
    said = kept("restore", "latest", "--to", kept.home / "restored")
    assert (said.code, "blocks were read from another place" in said.err) == (0, True), said


def test_repair_fetches_what_is_damaged(kept: Shell, two: Path) -> None:
    damage(kept.home)
    assert kept("verify", "--all").code == 1
    said = kept("repair")
    assert (said.code, "fetched 1 block from another place" in said.err) == (0, True), said
    assert kept("verify", "--all").code == 0
    assert kept("check").code == 0


def test_repair_fetches_a_shard_that_is_gone(kept: Shell, two: Path) -> None:
    shard = max((kept.home / "space/shards").glob("*.car"), key=lambda path: path.stat().st_size)
    kept("check")
    shard.unlink()
    assert kept("repair").code == 0
    assert kept("verify", "--all").code == 0


def test_status_proves_by_reading_back(kept: Shell, two: Path) -> None:
    assert [row["proved"] for row in kept("space", "status", "--json").document["places"]] == [None, None]
    said = kept("space", "status", "--prove", "50", "--json")
    assert said.code == 0
    assert [row["proved"]["blocks"] for row in said.document["places"]] == [50, 50]
    assert [row["snapshots"] for row in said.document["places"]] == [2, 2]
    assert "50 blocks" in kept("space", "status").out


def test_status_says_what_is_known_to_be_damaged(kept: Shell) -> None:
    damage(kept.home)
    assert kept("check").code == 1
    said = kept("space", "status")
    assert (said.code, "1 shard known not to be whole" in said.err) == (1, True)
    assert kept("repair").code == 1
    assert kept("space", "status").code == 0


def test_status_names_the_place_that_gives_wrong_bytes(kept: Shell, two: Path) -> None:
    for shard in (two / "shards").glob("*.car"):
        shard.write_bytes(bytes(shard.stat().st_size))
    said = kept("space", "status", "--prove", "5", "--json")
    assert said.code in (1, 3)
    bad = said.document["places"][1]
    assert bad["bad"] or bad["behindBy"] or bad["problem"]
    assert said.document["places"][0]["bad"] == []


@pytest.fixture
def largest(at_provider: str, tmp_path: Path) -> Path:
    """The largest object in the provider's store."""
    return max((tmp_path / "provider/store").rglob("*.*"), key=lambda path: path.stat().st_size)


def test_a_block_that_rotted_at_a_provider_is_fetched(kept: Shell, at_provider: str, largest: Path) -> None:
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    assert kept("check", "--read-data", "--space", at_provider).code == 1
    said = kept("repair", "--space", at_provider)
    assert (said.code, "fetched 1 block from another place" in said.err) == (0, True), said
    shutil.rmtree(kept.home / "space")
    assert kept("verify", "--all", "--space", at_provider).code == 0


def test_a_shard_that_a_provider_has_lost_is_sent_there_anew(
    kept: Shell, at_provider: str, largest: Path
) -> None:
    largest.write_bytes(bytes(largest.stat().st_size))
    assert kept("check", "--read-data", "--space", at_provider).code == 1
    said = kept("repair", "--space", at_provider)
    assert said.code == 0, (said.out, said.err)
    for gone in ("space", "cache"):
        shutil.rmtree(kept.home / gone)
    checked = kept("check", "--read-data", "--space", at_provider)
    assert (checked.code, "damaged" in checked.out) == (0, False), checked
    assert kept("verify", "--all", "--space", at_provider).code == 0


def test_a_provider_is_a_place_as_good(kept: Shell, at_provider: str) -> None:
    shutil.rmtree(kept.home / "space")
    said = kept("verify", "--all")
    assert (said.code, "is used instead" in said.err) == (0, True), said


def test_what_is_forgotten_is_left_alone(kept: Shell, two: Path) -> None:
    assert kept("space", "forget", two).code == 0
    assert [row["place"] for row in kept("space", "status", "--json").document["places"]] == [
        str(kept.home / "space")
    ]
    assert (two / "shards").is_dir()


def shards_in(folder: Path) -> set[str]:
    return {path.name for path in (folder / "shards").glob("*.car")}


def snapshots_in(shell: Shell, place: Path) -> list[str]:
    found = shell("snapshots", "--space", place, "--json").document["snapshots"]
    return [each["backup"] for each in found]


def test_a_prune_reaches_every_place(kept: Shell, two: Path) -> None:
    newest = snapshots_in(kept, two)[-1]
    said = kept("prune", "--keep-last", "1", "--json")
    assert (said.code, said.err, [each["ok"] for each in said.document["places"]]) == (0, "", [True])
    assert said.document["places"][0]["removed"] != []
    assert shards_in(two) == shards_in(kept.home / "space")
    assert snapshots_in(kept, two) == [newest]
    shutil.rmtree(kept.home / "space")
    assert kept("verify", "--all").code == 0


def test_a_place_that_missed_a_prune_resurrects_nothing(kept: Shell, two: Path) -> None:
    away, here = two.with_name("away"), kept.home / "space"
    two.rename(away)
    said = kept("prune", "--keep-last", "1")
    assert (said.code, f"{two} keeps what was dropped" in said.err) == (3, True), said
    left = shards_in(here)
    away.rename(two)
    assert len(snapshots_in(kept, two)) == 2
    assert kept("space", "sync", "--space", two).code == 0  # the wrong way round, too
    assert shards_in(here) == left
    assert kept("space", "sync").code == 0
    assert snapshots_in(kept, two) == snapshots_in(kept, here)
    assert len(snapshots_in(kept, here)) == 1
    assert kept("prune").code == 0
    assert shards_in(two) == shards_in(here)
    assert kept("verify", "--all", "--space", two).code == 0


def test_what_was_recorded_on_pruned_shards_elsewhere_is_brought_back_whole(kept: Shell, two: Path) -> None:
    """A backup at the other place counts on what a prune here removed meanwhile."""
    away, here = two.with_name("away"), kept.home / "space"
    old = snapshots_in(kept, two)[0]
    two.rename(away)
    assert kept("prune", "--keep-last", "1").code == 3
    away.rename(two)
    with open_folder(two, cache=kept.home / "cache") as space:
        clock = FolderClock(space, Home.open(kept.home).agent())
        update = run(crdt.put(clock.head(), "kept/old", parse_cid(old)), space.get)
        assert update.event
        clock.advance(update.event.cid, [*update.additions, update.event])
    assert kept("space", "sync", "--space", two).code == 0
    with open_folder(here, cache=kept.home / "cache") as space:
        clock = FolderClock(space, Home.open(kept.home).agent())
        assert run(crdt.get(clock.head(), "kept/old"), space.get) == parse_cid(old)
        assert space.has([parse_cid(old)]) == {parse_cid(old)}
