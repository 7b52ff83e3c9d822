"""The run when the host lies, breaks or loses things: what is refused, waited for, or named as missing."""

import pytest

from backup_agent.demo.k256 import K256Key
from backup_agent.errors import (
    AccountDeactivated,
    AccountSuspended,
    AccountTakendown,
    AgentError,
    BackupRefused,
    StaleHost,
)
from pail import RAW, cid_of, encode_block, parse_cid
from pail.car import encode_car
from tests.backup_agent.run.desk import Desk, files_of
from tests.faults import Fault, dropped, flipped, rate_limited, refused, replaced, status, truncated
from tests.faulty_host import GET_BLOB, GET_LATEST_COMMIT, GET_REPO, LIST_BLOBS
from tests.forged import forge, read_car

FORGER = K256Key(bytes(31) + b"\7")


def space_of(laptop: Desk) -> dict[str, bytes]:
    return files_of(laptop.home.parent / "space")


def refuses(laptop: Desk, match: str) -> None:
    """The run fails by name, no snapshot is there, and the space is as before."""
    before, snapshots = space_of(laptop), laptop.entries()
    with pytest.raises(BackupRefused, match=match):
        laptop.back_up()
    assert space_of(laptop) == before
    assert laptop.entries() == snapshots


@pytest.mark.parametrize("size_bytes", [0, 10, 59, 60, 5_000, 100_000])
def test_a_truncated_car_is_refused(laptop: Desk, size_bytes: int) -> None:
    laptop.host.fault(GET_REPO, truncated(size_bytes))
    refuses(laptop, "cut short|ends|left out")


@pytest.mark.parametrize("byte", [0, 30, 58, 61, 100, 5_000, 100_000])
def test_a_flipped_bit_is_found(laptop: Desk, byte: int) -> None:
    laptop.host.fault(GET_REPO, flipped(byte))
    refuses(laptop, "does not verify")


def test_a_wrong_signature_is_refused(laptop: Desk) -> None:
    laptop.host.demo.head = forge(laptop.host.demo.head, FORGER)
    refuses(laptop, "commit .*signature")


def test_a_key_swapped_in_the_did_document_is_refused(laptop: Desk) -> None:
    laptop.host.swap_signing_key(FORGER)
    refuses(laptop, "commit .*signature")


def test_the_commit_of_another_account_is_refused(laptop: Desk) -> None:
    laptop.host.swap_signing_key(FORGER)
    laptop.host.demo.head = forge(laptop.host.demo.head, FORGER, did="did:plc:" + "a" * 24)
    refuses(laptop, "commit of did:plc:aaaa")


def test_a_missing_block_is_named(laptop: Desk) -> None:
    laptop.host.swap_signing_key(FORGER)
    lost = read_car(laptop.host.demo.head.car)[-1].cid
    laptop.host.demo.head = forge(laptop.host.demo.head, FORGER, without=[lost])
    refuses(laptop, f"left out block {lost}")


def test_a_misplaced_tree_is_refused(laptop: Desk) -> None:
    laptop.host.swap_signing_key(FORGER)
    record = next(block for block in read_car(laptop.host.demo.head.car) if b"$type" in block.data)
    laptop.host.demo.head = forge(laptop.host.demo.head, FORGER, data=record.cid)
    refuses(laptop, "tree node")


def test_an_older_commit_than_the_backed_up_one_is_refused(laptop: Desk) -> None:
    laptop.host.demo.publish_next_post()
    laptop.back_up()
    laptop.host.demo.head = laptop.host.demo.recording.first
    before = space_of(laptop)
    with pytest.raises(StaleHost):
        laptop.back_up()
    assert space_of(laptop) == before


def test_what_the_commit_does_not_reach_is_not_stored(laptop: Desk) -> None:
    junk = [encode_block({"junk": number}) for number in range(3)]
    head = laptop.host.demo.head
    car = encode_car([parse_cid(head.cid)], [*junk, *read_car(head.car)])
    laptop.host.fault(GET_REPO, replaced(car))
    assert laptop.back_up().whole
    assert not laptop.space.has([block.cid for block in junk])
    assert laptop.all_whole()


@pytest.mark.parametrize("fault", [status(500), status(503), dropped(20_000), rate_limited(7)])
def test_passing_troubles_are_waited_out(laptop: Desk, fault: Fault) -> None:
    for method in (GET_LATEST_COMMIT, GET_REPO, LIST_BLOBS, GET_BLOB):
        laptop.host.fault(method, fault, times=2)
    assert laptop.back_up().whole
    assert laptop.waited_s


def test_a_wait_that_the_host_asks_for_is_honoured(laptop: Desk) -> None:
    laptop.host.fault(GET_REPO, rate_limited(17), times=1)
    assert laptop.back_up().whole
    assert max(laptop.waited_s) >= 17


def some_blob(laptop: Desk) -> str:
    return min(laptop.host.demo.recording.blobs)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (refused("InvalidRequest", "Blob not found"), "does not have the blob"),
        (refused("BlobNotFound"), "does not have the blob"),
        (replaced(b"other bytes"), "do not hash"),
        (flipped(5), "do not hash"),
        (status(500), "500"),
        (dropped(3), "cannot be reached"),
    ],
)
def test_one_bad_blob_does_not_stop_the_others(laptop: Desk, fault: Fault, cause: str) -> None:
    bad = some_blob(laptop)
    laptop.host.fault(GET_BLOB, fault, cid=bad)
    outcome = laptop.back_up()
    assert outcome.recorded
    assert not outcome.whole
    assert list(outcome.missing) == [bad]
    assert cause in outcome.missing[bad]
    assert outcome.snapshot.certificate.blobs == len(laptop.host.demo.recording.blobs) - 1
    assert laptop.all_whole()


def test_a_missing_blob_is_tried_again_and_nothing_else_is(laptop: Desk) -> None:
    bad = some_blob(laptop)
    laptop.host.fault(GET_BLOB, refused("BlobNotFound"), cid=bad)
    laptop.back_up()
    laptop.host.heal()
    laptop.host.requests.clear()
    outcome = laptop.back_up()
    assert outcome.recorded
    assert outcome.whole
    assert (laptop.host.requests[GET_BLOB], laptop.host.requests[GET_REPO]) == (1, 0)
    assert laptop.all_whole()


def test_a_blob_that_stays_missing_makes_no_new_snapshot(laptop: Desk) -> None:
    laptop.host.fault(GET_BLOB, refused("BlobNotFound"), cid=some_blob(laptop))
    laptop.back_up()
    again = laptop.back_up()
    assert not again.recorded
    assert not again.whole


def test_a_blob_that_the_host_does_not_list_is_fetched_all_the_same(laptop: Desk) -> None:
    laptop.host.fault(LIST_BLOBS, replaced(b'{"cids": []}'))
    outcome = laptop.back_up()
    assert outcome.whole
    assert outcome.snapshot.certificate.blobs == len(laptop.host.demo.recording.blobs)


def test_a_blob_that_only_the_host_lists_is_asked_for(laptop: Desk) -> None:
    stranger = str(cid_of(RAW, b"linked in a way of its own"))
    laptop.host.fault(LIST_BLOBS, replaced(b'{"cids": ["' + stranger.encode() + b'"]}'))
    assert list(laptop.back_up().missing) == [stranger]


def test_a_list_of_blobs_that_cannot_be_read_is_said(laptop: Desk) -> None:
    laptop.host.fault(LIST_BLOBS, replaced(b"<html>"))
    outcome = laptop.back_up()
    assert "listBlobs" in outcome.excluded
    assert outcome.snapshot.certificate.blobs == len(laptop.host.demo.recording.blobs)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("RepoDeactivated", AccountDeactivated),
        ("RepoTakendown", AccountTakendown),
        ("RepoSuspended", AccountSuspended),
    ],
)
def test_an_account_that_is_not_served_is_said_so(laptop: Desk, name: str, error: type[AgentError]) -> None:
    laptop.host.fault(GET_LATEST_COMMIT, refused(name))
    with pytest.raises(error, match=laptop.did):
        laptop.back_up()
    assert laptop.entries() == []


def test_a_host_that_does_not_know_the_revision_serves_everything(laptop: Desk) -> None:
    laptop.back_up()
    laptop.host.demo.publish_next_post()
    since = laptop.host.demo.recording.first.rev
    laptop.host.fault(GET_REPO, truncated(59), since=since)
    outcome = laptop.back_up()
    assert outcome.recorded
    assert laptop.all_whole()


def test_the_same_faults_find_a_space_with_snapshots_as_it_was(laptop: Desk) -> None:
    laptop.back_up()
    laptop.host.demo.publish_next_post()
    laptop.host.fault(GET_REPO, flipped(1000))
    refuses(laptop, "does not verify")
