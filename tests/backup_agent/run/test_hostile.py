"""The run when the host means harm: all that it signs, lists and sends has bounds, and must be proved."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from backup_agent.demo.k256 import K256Key
from backup_agent.errors import BackupRefused, HostError
from backup_agent.run import blobs, repository, wanted
from pail import CID, DAG_CBOR, RAW, Value, cid_of, encode_block, encode_dag_cbor, parse_cid
from pail.cid import CID as BareCID
from tests.backup_agent.run.desk import Desk, files_of
from tests.faults import Answer, refused, replaced
from tests.faulty_host import GET_BLOB, GET_LATEST_COMMIT, GET_REPO, LIST_BLOBS
from tests.forged import forge
from tests.forged import repository as forged_repository

FORGER = K256Key(bytes(31) + b"\7")
REV = "3n2rmygyo6q27"


def serve(laptop: Desk, records: Mapping[str, Value], **more: Any) -> None:
    """The account has just these records."""
    laptop.host.swap_signing_key(FORGER)
    laptop.host.demo.head = forged_repository(records, FORGER, did=laptop.did, rev=REV, **more)
    laptop.host.fault(LIST_BLOBS, replaced(b'{"cids": []}'))


def linking(*cids: CID) -> dict[str, Value]:
    """A record that links these blobs."""
    images = [{"$type": "blob", "ref": cid, "mimeType": "image/png", "size": 5} for cid in cids]
    return {"$type": "app.bsky.feed.post", "images": images}


def refuses(laptop: Desk, match: str) -> None:
    before = files_of(laptop.home.parent / "space")
    with pytest.raises(BackupRefused, match=match):
        laptop.back_up()
    assert files_of(laptop.home.parent / "space") == before


def test_a_revision_from_the_future_is_refused_or_it_would_block_every_later_one(laptop: Desk) -> None:
    laptop.host.swap_signing_key(FORGER)
    good = laptop.host.demo.head
    laptop.host.demo.head = forge(good, FORGER, rev="4zzzzzzzzzzzz")
    refuses(laptop, "revision 4zzzzzzzzzzzz is dated 2077")
    laptop.host.demo.head = forge(good, FORGER, rev="jzzzzzzzzzzzz")
    refuses(laptop, "revision jzzzzzzzzzzzz is dated")
    laptop.host.demo.head = forge(good, FORGER)
    assert laptop.back_up().whole


def test_blob_links_of_every_kind_are_asked_for_and_those_that_cannot_be_proved_are_missing(
    laptop: Desk,
) -> None:
    odd = [
        BareCID(b"\x01\x55\x00\x03abc"),
        BareCID(b"\x01\x55\x13\x40" + bytes(64)),
        BareCID(b"\x12\x20" + bytes(32)),
        BareCID(b"\x01\x55\x00\x22\x12\x20" + cid_of(DAG_CBOR, b"\xa0")[-32:]),
        cid_of(0x70, b"dag-pb"),
        cid_of(0x0202, b"car"),
    ]
    serve(laptop, {"a.b.c/1": linking(*odd), "a.b.c/2": {}})
    outcome = laptop.back_up()
    assert set(outcome.missing) == {str(cid) for cid in odd}
    assert laptop.all_whole()


def test_a_blob_may_be_any_block_of_the_repository(laptop: Desk) -> None:
    record = encode_block({"text": "a record that is linked as a blob"})
    raw = cid_of(RAW, record.data)
    serve(
        laptop,
        {"a.b.c/1": linking(record.cid, raw), "a.b.c/2": {"text": "a record that is linked as a blob"}},
    )
    laptop.host.fault(GET_BLOB, lambda _: Answer(200, {}, record.data))
    outcome = laptop.back_up()
    assert outcome.whole
    assert outcome.snapshot.certificate.blobs == 2
    assert laptop.all_whole()


def test_record_keys_may_be_odd(laptop: Desk) -> None:
    keys = ["a.b.c/..", "a.b.c/.", "a.b.c/:", "a.b.c/~", "a.b.c/" + "x" * 512, "-/-"]
    serve(laptop, {key: {"n": number} for number, key in enumerate(keys)})
    assert laptop.back_up().snapshot.certificate.records == len(keys)
    assert laptop.all_whole()


HURTING = pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"\x81" * 100_000 + b"\x80", id="deep"),
        pytest.param(b"\x9b\x00\x00\x00\xff\xff\xff\xff\xff", id="huge list"),
        pytest.param(b"\xa1ax\xd8\x2a\x58\x02\x00\x01", id="bad link"),
        pytest.param(b"\x80", id="no map"),
    ],
)


@HURTING
def test_a_record_that_hurts_is_kept_as_the_bytes_it_is(laptop: Desk, record: bytes) -> None:
    serve(laptop, {"a.b.c/1": {"ok": 1}})
    cid = cid_of(DAG_CBOR, record)
    laptop.host.demo.head = build_on(laptop, cid, record)
    assert laptop.back_up().whole
    assert laptop.space.get([cid]) == [record]
    assert laptop.all_whole()


@HURTING
def test_a_record_that_hurts_and_may_link_blobs_is_refused(laptop: Desk, record: bytes) -> None:
    serve(laptop, {"a.b.c/1": {"ok": 1}})
    marked = record + b"\x68mimeType"
    laptop.host.demo.head = build_on(laptop, cid_of(DAG_CBOR, marked), marked)
    refuses(laptop, "record")


def build_on(laptop: Desk, cid: CID, record: bytes) -> Any:
    """A commit whose one record is these bytes."""
    from backup_agent.demo.recording import Revision
    from bench.tree_builder import build_tree
    from pail import Block
    from pail.car import encode_car

    blocks: dict[CID, bytes] = {}
    root = build_tree({"a.b.c/1": cid}, blocks)
    commit = {"did": laptop.did, "version": 3, "data": root, "rev": REV, "prev": None}
    head = encode_block(commit | {"sig": FORGER.sign(encode_dag_cbor(commit))})
    car = encode_car([head.cid], [head, *(Block(*each) for each in blocks.items()), Block(cid, record)])
    return Revision(str(head.cid), REV, car)


def test_ten_thousand_links_in_a_record_are_ten_thousand_blobs(
    laptop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    cids = [cid_of(RAW, b"%d" % number) for number in range(300)]
    serve(laptop, {"a.b.c/1": linking(*cids, *cids)})
    assert len(laptop.back_up().missing) == 300
    monkeypatch.setattr(blobs, "MAX_MISSING", 299)
    laptop.host.demo.head = forge(laptop.host.demo.head, FORGER, rev="3n2rmygyo6q2a")
    laptop.host.fault(GET_REPO, replaced(laptop.host.demo.head.car))
    with pytest.raises(HostError, match="more than 299"):
        laptop.back_up()
    assert len(laptop.entries()) == 1


def test_causes_are_kept_short(laptop: Desk) -> None:
    laptop.host.fault(GET_BLOB, refused("Bad" * 50, "\U0001f98b" * 5000))
    assert max(len(cause.encode()) for cause in laptop.back_up().missing.values()) <= 140
    assert laptop.all_whole()


def test_a_list_of_blobs_that_goes_on_and_on_is_cut(laptop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = 0

    def page(answer: Answer) -> Answer:
        nonlocal pages
        pages += 1
        cids = [str(cid_of(RAW, b"%d %d" % (pages, number))) for number in range(500)]
        return replaced(json.dumps({"cids": cids, "cursor": str(pages)}).encode())(answer)

    monkeypatch.setattr(wanted, "MAX_UNLINKED", 1200)
    laptop.host.fault(LIST_BLOBS, page)
    outcome = laptop.back_up()
    assert pages == 3
    assert "more than 1,200 blobs that no record links" in outcome.excluded["listBlobs"]
    assert not outcome.missing
    assert outcome.snapshot.certificate.blobs == len(laptop.host.demo.recording.blobs)


def test_blocks_without_end_are_refused(laptop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "MAX_BLOCKS", 100)
    refuses(laptop, "more than 100 blocks")


def test_the_host_may_say_another_latest_commit_than_it_serves(laptop: Desk) -> None:
    told = {"cid": str(cid_of(DAG_CBOR, b"?")), "rev": "3zzzzzzzzzzzz"}
    laptop.host.fault(GET_LATEST_COMMIT, replaced(json.dumps(told).encode()))
    outcome = laptop.back_up()
    assert str(outcome.snapshot.backup.repo) == laptop.host.demo.head.cid
    assert parse_cid(laptop.host.demo.head.cid) == outcome.snapshot.backup.repo
