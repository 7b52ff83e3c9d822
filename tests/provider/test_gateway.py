"""Blocks, CARs and files through the indexes that were added: the trustless gateway's forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from pail import CAR, CID, DAG_CBOR, RAW, Block, cid_of, encode_block, parse_cid
from pail.car import CarReader, Slice, encode_car_header, encode_frame
from pail.unixfs import FileWriter
from pail.unixfs_node import Entry, encode_directory
from provider import gateway as provider_gateway
from provider import slice_rows
from provider.errors import BlockNotFound
from tests.clock_service.calls import AGENT
from tests.provider.made import (
    OTHER,
    OTHER_KEY,
    SERVICE,
    Provider,
    digest_of,
    give,
    index_of,
    retrieve,
    shard_of,
)

FILE = bytes(number % 251 for number in range(5_000))


def shard(blocks: list[Block]) -> tuple[bytes, list[Slice]]:
    data, slices = encode_car_header(), list[Slice]()
    for cid, content in blocks:
        frame = encode_frame(cid, content)
        slices.append(Slice(cid.multihash, len(data) + len(frame) - len(content), len(content)))
        data += frame
    return data, slices


def add(provider: Provider, blocks: list[Block], **more) -> bytes:
    """Upload the blocks as one shard, and its index; the shard's digest."""
    data, slices = shard(blocks)
    index = index_of(data, slices)
    digest = provider.upload(data, **more)
    link = CID(b"\x01\x82\x04" + provider.upload(index, **more))
    assert provider.out("space/index/add", {"index": link}, **more) == {}
    return digest


def file_blocks() -> tuple[list[Block], Entry]:
    writer = FileWriter(chunk_bytes=300, width=4)
    blocks = writer.write(FILE) + writer.close()
    return blocks, writer.root


BLOCKS, ROOT_ENTRY = file_blocks()
ROOT = ROOT_ENTRY.cid
DIRECTORY, _ = encode_directory({"file.bin": ROOT_ENTRY})
LEAF = next(block for block in BLOCKS if block.cid.codec == RAW)
NODE = encode_block({"a": [ROOT, {"b": LEAF.cid}], "c": 1})


@pytest.fixture
def gateway(provider: Provider) -> Provider:
    provider.shard = add(provider, [*BLOCKS, DIRECTORY, NODE])  # type: ignore[attr-defined]
    return provider


def blocks_in(car: bytes) -> list[CID]:
    reader = CarReader()
    found = [block.cid for block in reader.feed(car)]
    reader.close()
    return found


def test_a_raw_block(gateway: Provider) -> None:
    for path in (f"/ipfs/{LEAF.cid}?format=raw", f"/ipfs/{LEAF.cid}"):
        answer = gateway.request("GET", path, headers=retrieve())
        assert (answer.status_code, answer.content) == (200, LEAF.data)
    accept = {"accept": "application/vnd.ipld.raw"}
    answer = gateway.request("GET", f"/ipfs/{NODE.cid}", headers=retrieve() | accept)
    assert (answer.content, answer.headers["content-type"]) == (NODE.data, "application/vnd.ipld.raw")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_file_whole_and_in_part(gateway: Provider) -> None:
    answer = gateway.request("GET", f"/ipfs/{ROOT}", headers=retrieve())
    assert (answer.status_code, answer.content) == (200, FILE)
    for start, end in ((0, 1), (299, 301), (1000, 4999), (4990, 5000), (1200, 1500)):
        span = {"range": f"bytes={start}-{end - 1}"}
        part = gateway.request("GET", f"/ipfs/{ROOT}", headers=retrieve() | span)
        assert (part.status_code, part.content) == (206, FILE[start:end])
    head = gateway.request("HEAD", f"/ipfs/{ROOT}", headers=retrieve())
    assert (head.headers["content-length"], head.content) == ("5000", b"")


def test_a_file_by_its_path_in_a_directory(gateway: Provider) -> None:
    answer = gateway.request("GET", f"/ipfs/{DIRECTORY.cid}/file.bin", headers=retrieve())
    assert answer.content == FILE
    for path in ("other", "file.bin/deeper", "../file.bin/x", "/".join("a" * 40)):
        answer = gateway.request("GET", f"/ipfs/{DIRECTORY.cid}/{path}", headers=retrieve())
        assert answer.status_code in (400, 404)


def test_a_car_of_a_whole_dag_holds_each_block_once_parents_first(gateway: Provider) -> None:
    answer = gateway.request("GET", f"/ipfs/{NODE.cid}?format=car", headers=retrieve())
    assert answer.headers["content-type"].startswith("application/vnd.ipld.car")
    found = blocks_in(answer.content)
    assert found[0] == NODE.cid
    assert len(found) == len(set(found))
    assert set(found) == {NODE.cid, *(block.cid for block in BLOCKS)}


def test_a_car_of_one_block_or_of_a_file(gateway: Provider) -> None:
    def car(query: str) -> list[CID]:
        path = f"/ipfs/{DIRECTORY.cid}/file.bin?format=car&{query}"
        return blocks_in(gateway.request("GET", path, headers=retrieve()).content)

    assert car("dag-scope=block") == [DIRECTORY.cid, ROOT]
    assert set(car("dag-scope=entity")) == {DIRECTORY.cid, *(block.cid for block in BLOCKS)}
    part = car("dag-scope=entity&entity-bytes=0:299")
    assert part[:2] == [DIRECTORY.cid, ROOT]
    assert [cid for cid in part if cid.codec == RAW] == [LEAF.cid]
    assert len([cid for cid in car("entity-bytes=-1:*") if cid.codec == RAW]) == 1
    path = f"/ipfs/{DIRECTORY.cid}?format=car&dag-scope=entity"
    assert blocks_in(gateway.request("GET", path, headers=retrieve()).content) == [DIRECTORY.cid]


@pytest.mark.parametrize(
    "query",
    ["format=json", "format=car&dag-scope=some", "format=car&entity-bytes=x", "format=car&entity-bytes=1"],
)
def test_what_is_no_form_is_a_bad_request(gateway: Provider, query: str) -> None:
    assert gateway.request("GET", f"/ipfs/{ROOT}?{query}", headers=retrieve()).status_code == 400


def test_what_is_no_file_is_said_so(gateway: Provider) -> None:
    for cid in (NODE.cid, DIRECTORY.cid):
        answer = gateway.request("GET", f"/ipfs/{cid}", headers=retrieve())
        assert (answer.status_code, answer.json()["name"]) == (400, "BadRequest")


def test_a_block_that_no_index_names_is_not_found(gateway: Provider) -> None:
    answer = gateway.request("GET", f"/ipfs/{cid_of(RAW, b'elsewhere')}", headers=retrieve())
    assert (answer.status_code, answer.json()["name"]) == (404, "BlockNotFound")


def test_a_whole_blob_is_a_block_too(provider: Provider) -> None:
    digest = provider.upload(b"alone")
    path = f"/ipfs/{CID(b'U'.join((bytes([1]), digest)))}?format=raw"
    assert provider.request("GET", path, headers=retrieve()).content == b"alone"


def test_blocks_of_one_space_are_not_seen_from_another(gateway: Provider) -> None:
    gateway.host(OTHER)
    header = retrieve(issuer=OTHER_KEY, resource=OTHER)
    assert gateway.request("GET", f"/ipfs/{ROOT}", headers=header).status_code == 404
    assert gateway.request("GET", f"/ipfs/{ROOT}").status_code == 401


def test_an_index_of_a_shared_shard_serves_each_space_that_holds_it(gateway: Provider) -> None:
    gateway.host(OTHER)
    data, _ = shard([*BLOCKS, DIRECTORY, NODE])
    gateway.upload(data, issuer=OTHER_KEY, resource=OTHER)
    header = retrieve(issuer=OTHER_KEY, resource=OTHER)
    assert gateway.request("GET", f"/ipfs/{ROOT}", headers=header).content == FILE


def test_a_public_space_serves_its_blocks_to_all(gateway: Provider) -> None:
    serve = give("space/content/serve/*", to=SERVICE.did)
    gateway.out("access/delegate", {"delegations": {"x": serve.cid}}, proofs=(serve,))
    answer = gateway.request("GET", f"/ipfs/{ROOT}")
    assert (answer.content, answer.headers["cache-control"][:6]) == (FILE, "public")
    assert gateway.request("GET", f"/ipfs/{cid_of(RAW, b'elsewhere')}").status_code == 401


def test_a_narrowed_token_reads_only_blocks_within_its_bytes(gateway: Provider) -> None:
    _, slices = shard([*BLOCKS, DIRECTORY, NODE])
    at = next(each for each in slices if each.multihash == LEAF.cid.multihash)
    blob = {"blob": {"digest": gateway.shard}, "range": [at.offset, at.offset + at.length - 1]}  # type: ignore[attr-defined]
    header = retrieve(blob, issuer=AGENT, proofs=(give("space/content/retrieve", blob),))
    assert gateway.request("GET", f"/ipfs/{LEAF.cid}?format=raw", headers=header).content == LEAF.data
    assert gateway.request("GET", f"/ipfs/{ROOT}", headers=header).status_code == 401


def test_a_block_that_was_flipped_in_the_store_is_never_given(gateway: Provider, tmp_path: Path) -> None:
    data, slices = shard([*BLOCKS, DIRECTORY, NODE])
    at = next(each for each in slices if each.multihash == ROOT.multihash)
    files = [each for each in (tmp_path / "store").rglob("*") if each.is_file()]
    (stored,) = [each for each in files if each.read_bytes() == data]
    stored.write_bytes(data[: at.offset] + b"\x00" + data[at.offset + 1 :])
    answer = gateway.request("GET", f"/ipfs/{ROOT}?format=raw", headers=retrieve())
    assert (answer.status_code, answer.json()["name"]) == (502, "BlobDamaged")


def index_out(provider: Provider, data: bytes, slices: list[Slice]) -> object:
    """What an index with these slices is answered with."""
    link = CID(b"\x01\x82\x04" + provider.upload(index_of(data, slices)))
    return provider.out("space/index/add", {"index": link})


DATA, SLICES, CIDS = shard_of(b"first", b"second", b"third")


@pytest.mark.parametrize(
    "slices",
    [
        [SLICES[0]._replace(offset=SLICES[0].offset + 1), *SLICES[1:]],
        [SLICES[0]._replace(length=4), *SLICES[1:]],
        [SLICES[1]._replace(multihash=SLICES[0].multihash), SLICES[2]],
        [*SLICES, Slice(digest_of(b"never there"), 0, 11)],
        [Slice(digest_of(b""), 5, 0), SLICES[0]._replace(offset=0)],
    ],
)
def test_an_index_that_lies_is_refused_and_nothing_of_it_is_believed(provider: Provider, slices) -> None:
    provider.upload(DATA)
    assert index_out(provider, DATA, slices) == "IndexWrong"
    for cid in CIDS:
        assert provider.request("GET", f"/ipfs/{cid}", headers=retrieve()).status_code == 404


def test_an_index_of_a_shard_of_another_size_or_that_is_not_there(provider: Provider) -> None:
    assert index_out(provider, DATA, SLICES) == "ShardNotFound"
    link = CID(b"\x01\x82\x04" + digest_of(b"no index"))
    assert provider.out("space/index/add", {"index": link}) == "IndexNotFound"
    provider.upload(DATA)
    assert provider.out("space/index/add", {"index": cid_of(CAR, DATA)}) == "IndexWrong"
    assert index_out(provider, DATA, SLICES) == {}
    assert provider.request("GET", f"/ipfs/{CIDS[2]}", headers=retrieve()).content == b"third"


def test_slices_that_overlap_without_end_are_refused(provider: Provider) -> None:
    provider.upload(DATA)
    many = [Slice(digest_of(DATA[:end]), 0, end) for end in range(20, len(DATA))]
    assert index_out(provider, DATA, many) == "IndexWrong"
    assert index_out(provider, DATA, many[-3:]) == "IndexWrong"
    assert index_out(provider, DATA, many[-2:]) == {}


def test_an_index_goes_with_its_shard(gateway: Provider) -> None:
    assert gateway.out("space/blob/remove", {"digest": gateway.shard})["size"] > 0  # type: ignore[attr-defined]
    assert gateway.request("GET", f"/ipfs/{ROOT}", headers=retrieve()).status_code == 404


def test_it_is_not_asked_for_what_it_cannot_have(gateway: Provider) -> None:
    for name in (str(parse_cid("bafkqaaa")), "x", "bafy" * 60):
        assert gateway.request("GET", f"/ipfs/{name}", headers=retrieve()).status_code == 400
    assert NODE.cid.codec == DAG_CBOR


def test_a_wide_dag_comes_depth_first_though_it_is_asked_for_ahead(provider: Provider) -> None:
    leaves = [Block(cid_of(RAW, bytes([n, m])), bytes([n, m])) for n in range(20) for m in range(3)]
    nodes = [encode_block({"links": [leaf.cid for leaf in leaves[at : at + 3]]}) for at in range(0, 60, 3)]
    top = encode_block([node.cid for node in nodes])
    add(provider, [*leaves, *nodes, top])
    answer = provider.request("GET", f"/ipfs/{top.cid}?format=car", headers=retrieve())
    wanted = [top.cid]
    for at, node in enumerate(nodes):
        wanted += [node.cid, *(leaf.cid for leaf in leaves[3 * at : 3 * at + 3])]
    assert blocks_in(answer.content) == wanted


def test_a_car_breaks_off_where_a_block_is_missing(provider: Provider) -> None:
    missing = cid_of(RAW, b"elsewhere")
    top = encode_block([LEAF.cid, missing])
    add(provider, [LEAF, top])
    with pytest.raises(BlockNotFound):
        provider.request("GET", f"/ipfs/{top.cid}?format=car", headers=retrieve())
    assert blocks_in(
        provider.request("GET", f"/ipfs/{top.cid}?format=car&dag-scope=block", headers=retrieve()).content
    ) == [top.cid]


def test_only_so_many_cars_are_read_at_once(gateway: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/ipfs/{NODE.cid}?format=car"
    monkeypatch.setattr(provider_gateway, "MAX_CARS_OF_SPACE", 1)
    for _ in range(2):  # one after the other
        assert gateway.request("GET", path, headers=retrieve()).status_code == 200
    monkeypatch.setattr(provider_gateway, "MAX_CARS_OF_SPACE", 0)
    answer = gateway.request("GET", path, headers=retrieve())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_the_indexes_of_a_space_name_no_more_blocks_than_it_may(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slice_rows, "MIN_SLICES", 3)
    monkeypatch.setattr(slice_rows, "BYTES_OF_SLICE", 1 << 20)
    shard, slices, _ = shard_of(b"one", b"two")
    others = [shard_of(b"three", b"four"), shard_of(b"five")]
    digests = [provider.upload(data) for data in (shard, *(each[0] for each in others))]

    def index(data: bytes, slices: list[Slice]) -> object:
        link = CID(b"\x01\x82\x04" + provider.upload(index_of(data, slices), nonce=str(len(calls))))
        calls.append(data)
        return provider.out("space/index/add", {"index": link}, nonce=str(len(calls)))

    calls: list[bytes] = []
    assert [index(shard, slices), index(shard, slices)] == [{}, {}]
    assert index(*others[0][:2]) == "TooMuch"
    assert index(*others[1][:2]) == {}
    provider.out("space/blob/remove", {"digest": digests[0]})
    assert index(*others[0][:2]) == {}
