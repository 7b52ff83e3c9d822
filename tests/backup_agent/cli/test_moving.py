"""A space goes from place to place in one command each, and is whole after each source was deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backup_agent.cli.commands import backup, carry
from backup_agent.cli.commands.backup import run_backup
from backup_agent.home import Home
from backup_agent.place_list import default_where, set_default
from tests.backup_agent.cli.shell import Shell, add_snapshot, add_snapshots, damage
from tests.faulty_host import FaultyHost
from tests.provider.child import Running, running
from tests.space.bucket_server import BucketServer, environ
from tests.space.faulty_proxy import Fault, run_faulty_proxy

SNAPSHOTS = 200
A_SHARD = 20
"""Snapshots of a shard: each as its own takes twice the time, and shows the same."""


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[BucketServer]:
    server = BucketServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def bucket(kept: Shell, bucket_server: BucketServer) -> str:
    kept.environ |= environ(bucket_server.url) | {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    return f"s3://{bucket_server.new_bucket()}/space"


def backups(shell: Shell) -> list[tuple[str, str]]:
    """Timestamp and CID of each snapshot."""
    said = shell("snapshots", "--json")
    assert (said.code, said.err) == (0, "")
    return [(each["timestamp"], each["backup"]) for each in said.document["snapshots"]]


def assert_whole(shell: Shell, which: str = "--all") -> None:
    said = shell("verify", which)
    assert (said.code, said.err) == (0, ""), said


def test_folder_bucket_provider_folder_with_each_source_deleted(
    kept: Shell, bucket: str, provider: Running, tmp_path: Path
) -> None:
    times = [f"2031-01-01T00:{number // 60:02}:{number % 60:02}.000Z" for number in range(SNAPSHOTS - 2)]
    for at in range(0, len(times), A_SHARD):
        add_snapshots(kept.home, times[at : at + A_SHARD])
    before = backups(kept)
    assert len(before) == SNAPSHOTS

    moved = kept("space", "move", bucket)
    assert (moved.code, moved.err) == (0, ""), moved
    assert "Commands without --space use it" in moved.out
    shutil.rmtree(kept.home / "space")
    assert backups(kept) == before
    assert_whole(kept, "latest")

    registered = kept("space", "register", provider.url, "--account", "mover@example.com")
    assert registered.code == 0, registered
    moved = kept("space", "move", provider.url)
    assert (moved.code, moved.err) == (0, ""), moved
    assert f"`skypail clock forget {provider.url}` leaves it" in moved.out
    _empty(bucket, kept)
    assert backups(kept) == before
    assert_whole(kept, "latest")
    head = kept("clock", "head", "--json").document
    assert [clock["url"] for clock in head["clocks"]] == [provider.url]
    assert head["clocks"][0]["head"] == head["head"]

    last = tmp_path / "back"
    moved = kept("space", "move", str(last))
    assert (moved.code, moved.err) == (0, ""), moved
    kept.environ |= {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "0"}  # nothing is asked of anybody any more
    assert backups(kept) == before
    assert_whole(kept)
    assert kept("clock", "head", "--json").document["clocks"] == []


def _empty(bucket: str, shell: Shell) -> None:
    import obstore

    from space.bucket.address import parse_address
    from space.bucket.store import open_store

    store = open_store(parse_address(bucket), shell.environment, allow_private=True)
    for page in obstore.list(store):  # pyright: ignore[reportUnknownMemberType] - Arrow's
        obstore.delete(store, [each["path"] for each in page])


def test_again_brings_only_what_is_new(kept: Shell, tmp_path: Path) -> None:
    first = kept("space", "copy", tmp_path / "other", "--json")
    assert (first.code, first.document["shards"] > 0) == (0, True)
    assert kept("space", "copy", tmp_path / "other", "--json").document["shards"] == 0
    add_snapshot(kept.home, created_at="2031-01-01T00:00:00.000Z")
    assert kept("space", "copy", tmp_path / "other", "--json").document["shards"] == 1
    assert backups(kept)  # commands use what they used
    assert kept("verify", "--all", "--space", tmp_path / "other").code == 0


def test_a_move_that_was_done_already_names_the_way_to_bring_what_came_meanwhile(
    kept: Shell, tmp_path: Path
) -> None:
    new, old = tmp_path / "new", kept.home / "space"
    assert kept("space", "move", new).code == 0
    add_snapshot(kept.home, created_at="2031-01-01T00:00:00.000Z")
    again = kept("space", "move", new)
    assert (again.code, f"`skypail space copy {new} --space {old}`" in again.err) == (1, True)
    assert kept("space", "copy", new, "--space", old).code == 0
    assert "2031-01-01T00:00:00.000Z" in dict(backups(kept))


def test_a_damaged_shard_is_named_and_nothing_is_switched(kept: Shell, tmp_path: Path) -> None:
    damage(kept.home)
    kept("check")
    moved = kept("space", "move", tmp_path / "other", "--json")
    assert (moved.code, moved.document["moved"]) == (1, False)
    assert len(moved.document["unreadable"]) == 1
    assert "`skypail repair` first" in moved.err
    assert "used as before" in moved.err
    assert kept("space", "info", "--json").document["place"] == str(kept.home / "space")


def test_a_backup_that_began_before_the_move_is_at_the_new_place_in_the_end(
    online: Shell, host: FaultyHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did, moving = host.demo.recording.did, list[int]()
    assert online("backup", did).code == 0
    host.demo.publish_next_post()

    async def moved_meanwhile(*given: Any) -> Any:  # the old place is open already
        moving.append(online.process("space", "move", tmp_path / "new").code)
        return await run_backup(*given)

    monkeypatch.setattr(backup, "run_backup", moved_meanwhile)
    said = online("backup", did, "--json")
    assert (said.code, said.err, moving) == (0, "", [0])
    assert said.document["movedTo"] == {"place": str(tmp_path / "new"), "ok": True, "problem": None}
    shutil.rmtree(online.home / "space")
    assert len(backups(online)) == 2
    assert_whole(online)


def test_what_is_recorded_between_the_copy_and_the_switch_is_brought(
    online: Shell, host: FaultyHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    did, recording = host.demo.recording.did, list[int]()
    assert online("backup", did).code == 0
    host.demo.publish_next_post()
    switch = carry._switch  # pyright: ignore[reportPrivateUsage] - the moment after the copy

    def recorded_before(*given: Any, **more: Any) -> None:
        recording.append(online.process("backup", did).code)
        switch(*given, **more)

    monkeypatch.setattr(carry, "_switch", recorded_before)
    moved = online("space", "move", tmp_path / "new")
    assert (moved.code, moved.err, recording) == (0, "", [0])
    shutil.rmtree(online.home / "space")
    assert len(backups(online)) == 2
    assert_whole(online)


def test_the_list_names_the_place_that_was_left(kept: Shell, tmp_path: Path) -> None:
    old, new = kept.home / "space", tmp_path / "new"
    assert kept("space", "move", new).code == 0
    assert f"  {new}\n  {old} (left as it was; moved to {new})\n" in kept("space", "list").out
    assert kept("space", "move", tmp_path / "newer").code == 0
    [listed] = kept("space", "list", "--json").document["spaces"]
    assert (listed["places"], listed["left"]) == (
        [str(tmp_path / "newer")],
        {str(old): str(tmp_path / "newer"), str(new): str(tmp_path / "newer")},
    )
    assert kept("space", "move", old).code == 0
    assert list(kept("space", "list", "--json").document["spaces"][0]["places"]) == [str(old)]


def test_a_backup_at_a_place_that_was_left_says_when_it_cannot_be_brought(
    online: Shell, host: FaultyHost, tmp_path: Path
) -> None:
    did = host.demo.recording.did
    assert online("backup", did).code == 0
    assert online("space", "move", tmp_path / "new").code == 0
    (tmp_path / "new").rename(tmp_path / "unplugged")
    host.demo.publish_next_post()
    said = online("backup", did, "--space", online.home / "space")
    assert (said.code, f"`skypail space copy {tmp_path / 'new'} --space" in said.err) == (3, True), said


def test_another_space_is_not_written_into(kept: Shell, tmp_path: Path) -> None:
    assert kept("space", "create", tmp_path / "other").code == 0
    said = kept("space", "move", tmp_path / "other")
    assert (said.code, "holds another space" in said.err) == (1, True)


def test_a_place_where_it_lies_already_is_none_to_move_to(kept: Shell) -> None:
    said = kept("space", "move", kept.home / "space")
    assert (said.code, "already" in said.err) == (1, True)


def test_a_destination_that_is_not_there_changes_nothing(kept: Shell, tmp_path: Path) -> None:
    kept.environ |= {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    for dest in (tmp_path / "no/such", "http://127.0.0.1:9999"):
        said = kept("space", "move", dest)
        assert said.code == 1, said
        assert kept("snapshots").code == 0


def test_a_provider_that_does_not_host_it_changes_nothing(kept: Shell, tmp_path: Path) -> None:
    kept.environ |= {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    (tmp_path / "provider").mkdir()
    with running(tmp_path / "provider") as provider:
        said = kept("space", "move", provider.url)
    assert (said.code, "does not host the space" in said.err) == (1, True), said
    assert kept("space", "info", "--json").document["place"] == str(kept.home / "space")


def test_another_space_is_looked_at_while_the_default_one_is_at_a_provider(
    kept: Shell, tmp_path: Path
) -> None:
    stranger = "https://provider.example.com/did:key:z6MkkcBNGMUmbMDu5MtzxPBGnpFySFn34WpdtN9PJvnxE3Yf"
    set_default(Home(kept.home), stranger)
    for command in (("check",), ("verify",), ("repair",), ("space", "move", tmp_path / "new")):
        said = kept(*command, "--space", kept.home / "space")
        assert (said.code, said.err) == (0, ""), said
    assert default_where(Home(kept.home)) == stranger


def test_a_quota_that_is_reached_switches_nothing_and_more_room_is_enough(
    kept: Shell, tmp_path: Path
) -> None:
    kept.environ |= {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    (tmp_path / "provider").mkdir()
    with running(tmp_path / "provider") as small:
        assert kept("space", "register", small.url, "--account", "small@example.com").code == 0
        space = kept("space", "info", "--json").document["space"]
        limit = [
            "provider",
            "space",
            "limit",
            space,
            "--database",
            f"sqlite:///{tmp_path}/provider/provider.db",
        ]
        assert kept(*limit, "--bytes", "100000").code == 0
        said = kept("space", "move", small.url)
        assert (said.code, "is used up" in said.err) == (1, True), said
        assert kept("space", "info", "--json").document["place"] == str(kept.home / "space")
        assert kept("clock", "head", "--json").document["clocks"] == []
        assert kept(*limit, "--bytes", "100000000").code == 0
        moved = kept("space", "move", small.url)
        assert (moved.code, moved.err) == (0, ""), moved
        shutil.rmtree(kept.home / "space")
        assert_whole(kept)


def test_a_source_that_dies_half_way_changes_nothing_and_the_rest_is_brought_later(
    kept: Shell, bucket: str, bucket_server: BucketServer, tmp_path: Path
) -> None:
    assert kept("space", "copy", bucket).code == 0
    with run_faulty_proxy(bucket_server.url) as proxy:
        kept.environ |= environ(proxy.url)
        assert kept("snapshots", "--space", bucket).code == 0
        proxy.die_at(3)
        said = kept("space", "move", tmp_path / "other", "--space", bucket)
        assert (said.code, "cannot be reached" in said.err) == (1, True), said
        proxy.clear()
        assert kept("space", "move", tmp_path / "other", "--space", bucket).code == 0
    assert kept("verify", "--all", "--space", tmp_path / "other").code == 0


def test_a_destination_that_gives_wrong_bytes_is_named(
    kept: Shell, bucket: str, bucket_server: BucketServer
) -> None:
    with run_faulty_proxy(bucket_server.url) as proxy:
        kept.environ |= environ(proxy.url)
        proxy.fault_at = lambda _number, asked: (
            Fault.WRONG_BYTES if asked.method == "GET" and "/shards/b" in asked.path else None
        )
        said = kept("space", "move", bucket)
    assert said.code == 1, said
    assert "other bytes than it was given" in said.err
    assert kept("space", "info", "--json").document["place"] == str(kept.home / "space")
