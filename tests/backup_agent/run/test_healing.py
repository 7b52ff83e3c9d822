"""A space that lost something between runs: the next run fetches it again, or says that it could not."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backup_agent.catalogue import Snapshot
from backup_agent.run import blobs
from backup_agent.snapshot import decode_backup, encode_backup, snapshot_key
from pail import CID, crdt, run
from tests.backup_agent.run.desk import Desk, desk
from tests.faults import refused
from tests.faulty_host import GET_BLOB, GET_REPO, LIST_BLOBS, FaultyHost

Harm = Callable[[Path], None]


def remove(shard: Path) -> None:
    shard.unlink()


def truncate(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:2000])  # so little that repository and blobs both lose blocks


def flip(shard: Path, places: int = 5) -> None:
    content = bytearray(shard.read_bytes())
    for at in range(places):
        content[len(content) * at // places + 100] ^= 1
    written_ns = shard.stat().st_mtime_ns
    shard.write_bytes(content)
    # File systems tell moments apart by milliseconds, and this test is quicker than that.
    os.utime(shard, ns=(written_ns, written_ns + 1_000_000_000))


def rot(shard: Path) -> None:
    """As a disk does it: nothing but the bytes tells."""
    stat = shard.stat()
    flip(shard)
    os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def overwrite(shard: Path) -> None:
    shard.write_bytes(b"something else of ours\n" * 1000)


def shards(laptop: Desk) -> list[Path]:
    return sorted((laptop.home.parent / "space" / "shards").glob("*.car"))


def first_backup(laptop: Desk, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A snapshot whose blobs and repository are in other shards than itself: those shards."""
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "FLUSH_BYTES", 1)
        laptop.back_up()
    laptop.host.requests.clear()
    return [shard for shard in shards(laptop) if laptop.snapshots()[0].cid not in shard.read_bytes()]


@pytest.mark.parametrize("news", [False, True], ids=["unchanged", "new post"])
@pytest.mark.parametrize("harm", [remove, truncate, flip, overwrite])
def test_what_is_lost_is_fetched_again(
    laptop: Desk, monkeypatch: pytest.MonkeyPatch, harm: Harm, news: bool
) -> None:
    for shard in first_backup(laptop, monkeypatch):
        harm(shard)
    if news:
        laptop.host.demo.publish_next_post()
    outcome = laptop.back_up()
    assert outcome.whole
    assert (outcome.recorded, len(laptop.snapshots())) == (news, 1 + news)
    assert laptop.host.requests[GET_REPO]
    assert laptop.host.requests[GET_BLOB]
    assert not laptop.verify()[-1].problems, "of older commits the host may have nothing any more"


@pytest.mark.parametrize("harm", [remove, truncate, flip, overwrite])
@pytest.mark.parametrize("number", range(4))
def test_any_one_shard_may_be_lost(
    laptop: Desk, monkeypatch: pytest.MonkeyPatch, harm: Harm, number: int
) -> None:
    first_backup(laptop, monkeypatch)
    harm(shards(laptop)[number])
    assert laptop.back_up().whole
    assert not laptop.verify()[-1].problems, "an older Backup itself may be lost, which no host has"


@pytest.mark.parametrize("look", ["check", "verify"])
def test_silent_damage_heals_once_it_was_noticed(
    laptop: Desk, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    for shard in first_backup(laptop, monkeypatch):
        rot(shard)
    if look == "check":
        assert not laptop.space.check().whole
    else:
        assert not laptop.all_whole()
    laptop.host.demo.publish_next_post()
    assert laptop.back_up().whole
    assert laptop.all_whole()


def test_after_healing_an_unchanged_account_costs_one_request_again(
    laptop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_backup(laptop, monkeypatch)[0].unlink()
    laptop.back_up()
    laptop.host.requests.clear()
    written = [laptop.back_up().written_bytes for _ in range(2)]
    assert written == [0, 0]
    assert (
        not laptop.host.requests[GET_REPO] + laptop.host.requests[GET_BLOB] + laptop.host.requests[LIST_BLOBS]
    )


def test_a_blob_lost_here_and_there_is_named_and_the_rest_goes_on(
    laptop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shard in first_backup(laptop, monkeypatch):
        shard.unlink()
    gone = min(laptop.host.demo.recording.blobs)
    laptop.host.fault(GET_BLOB, refused("BlobNotFound"), cid=gone)
    outcome = laptop.back_up()
    assert outcome.recorded
    assert list(outcome.missing) == [gone]
    assert outcome.snapshot.certificate.blobs == len(laptop.host.demo.recording.blobs) - 1
    assert not laptop.verify()[-1].problems


def test_a_lost_index_costs_reading_and_no_request(host: FaultyHost, tmp_path: Path) -> None:
    with desk(host, tmp_path) as laptop:
        laptop.back_up()
    for path in (tmp_path / "laptop-home").glob("*.sqlite*"):
        path.unlink()
    host.requests.clear()
    with desk(host, tmp_path) as laptop:
        laptop.now_ms += 5000
        assert not laptop.back_up().recorded
    assert not host.requests[GET_REPO] + host.requests[GET_BLOB] + host.requests[LIST_BLOBS]


def test_a_lost_index_hides_no_lost_shard(laptop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, host = laptop.home.parent, laptop.host
    for shard in first_backup(laptop, monkeypatch)[:2]:
        shard.unlink()
    laptop.space.close()
    for path in laptop.home.glob("*.sqlite*"):
        path.unlink()
    with desk(host, folder) as again:
        again.now_ms += 5000
        assert again.back_up().whole
        assert again.all_whole()


def test_sealed_preferences_that_are_lost_are_sealed_anew(laptop: Desk) -> None:
    laptop.back_up()
    known = set(shards(laptop))

    async def preferences() -> bytes:
        return b'{"preferences": []}'

    laptop.preferences = preferences
    laptop.back_up()
    for shard in set(shards(laptop)) - known:
        flip(shard, 40)
    outcome = laptop.back_up()
    assert outcome.whole
    assert not laptop.verify()[-1].problems


def lose_index(folder: Path) -> None:
    for path in folder.glob("*-home/*.sqlite*"):
        path.unlink()


@pytest.mark.parametrize("harm", ["removed", "garbled", "an older copy"])
def test_a_head_that_is_lost_is_written_anew(host: FaultyHost, tmp_path: Path, harm: str) -> None:
    with desk(host, tmp_path) as laptop:
        laptop.back_up()
        head = next((tmp_path / "space" / "heads").iterdir())
        older = head.read_bytes()
        host.demo.publish_next_post()
        laptop.back_up()
        head.unlink() if harm == "removed" else head.write_bytes(older if "older" in harm else b"?")
        assert not laptop.back_up().recorded
    lose_index(tmp_path)
    with desk(host, tmp_path) as laptop:
        assert len(laptop.snapshots()) == 2


def test_a_forged_snapshot_is_never_built_on(laptop: Desk) -> None:
    first = laptop.back_up().snapshot
    forged = encode_backup(replace(first.backup, rev="jzzzzzzzzzzzz"), certificate_of(laptop, first))
    key = snapshot_key(laptop.did, "9999-12-31T23:59:59.999Z")
    update = run(crdt.put(laptop.clock.head(), key, forged.cid), laptop.space.get)
    assert update.event
    laptop.clock.advance(update.event.cid, [forged, *update.additions, update.event])
    assert not laptop.back_up().recorded
    laptop.host.demo.publish_next_post()
    assert laptop.back_up().snapshot.certificate.previous == first.cid


def certificate_of(laptop: Desk, snapshot: Snapshot) -> CID:
    return decode_backup(laptop.space.get([snapshot.cid])[0])[1]


def test_a_lost_event_is_pending_until_the_next_backup(laptop: Desk) -> None:
    laptop.back_up()
    for shard in shards(laptop):
        shard.unlink()
    assert laptop.clock.report().pending
    assert laptop.back_up().whole
    assert not laptop.clock.report().pending
    assert laptop.all_whole()
