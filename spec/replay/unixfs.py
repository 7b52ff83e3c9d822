"""Replays vectors of class `unixfs`: files and directories to blocks, blocks to shards and their index."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from pail import CAR, CID, Block, MissingBlock, PailError, cid_of, parse_cid, run
from pail.car import MAX_SHARD_BYTES, CarReader, Slice, car_frame_head, encode_car, encode_car_header
from pail.unixfs import FileWriter, read
from pail.unixfs_node import Entry, encode_directory
from space.sharded_dag_index import ShardedDagIndex, ShardSlices, decode_index, encode_index
from spec.replay.report import Report, Vectors

Case = dict[str, Any]
Outcome = tuple[str, str | None]
"""A case's id, and the reason if it failed."""


class Shard(NamedTuple):
    """A CAR shard as it would be stored."""

    cid: CID
    size_bytes: int
    roots: Sequence[CID]
    slices: Sequence[Slice]


class Settings(NamedTuple):
    """How the vectors of one file were made."""

    multiplier: int
    addend: int
    modulus: int
    chunk_bytes: int
    width: int
    shard_bytes: int

    @classmethod
    def of(cls, document: Case) -> Settings:
        """Raises ValueError if the document is written in other words than the schema's."""
        settings = {"chunker": "fixed 1048576", "layout": "balanced, width 1024"} | document.get(
            "settings", {}
        )
        formula = re.search(r"\(i\*(\d+)\+(\d+)\) % (\d+)", document["content"])
        chunk = re.search(r"fixed (\d+)", settings["chunker"])
        width = re.search(r"balanced, width (\d+)", settings["layout"])
        if not formula or not chunk or not width:
            raise ValueError("unixfs vectors: content, chunker or layout is not as in the schema")
        multiplier, addend, modulus = (int(number) for number in formula.groups())
        shard_bytes = settings.get("shard_size", MAX_SHARD_BYTES)
        return cls(multiplier, addend, modulus, int(chunk[1]), int(width[1]), shard_bytes)

    def content(self, size: int) -> bytes:
        period = bytes((i * self.multiplier + self.addend) % self.modulus for i in range(self.modulus))
        return (period * (size // self.modulus + 1))[:size]


def replay(vectors: Vectors, report: Report) -> None:
    """Every file, directory and shard."""
    for name, reason in outcomes(vectors):
        if reason is None:
            report.passed += 1
        else:
            report.failures.append((name, reason))


def outcomes(document: Case) -> Iterator[Outcome]:
    """The outcome of every case, in order; a document of another schema is one case that fails."""
    try:
        settings = Settings.of(document)
    except (LookupError, ValueError, TypeError) as error:
        yield "settings", f"{type(error).__name__}: {error}"
        return
    for case in document.get("files", []):
        yield f"file-{case.get('size')}", _first(_check_file(case, settings, settings.shard_bytes))
    for number, case in enumerate(document.get("directories", [])):
        yield f"directory-{number}", _first(_check_directory(case, settings))
    if "small_car" in document:
        yield "small-car", _first(_check_car(document["small_car"]))
    if "two_shards" in document:
        case = document["two_shards"]
        checks = _check_file({**case, "car": case["shards"]}, settings, case["shard_size"])
        yield "two-shards", _first(checks)


def _first(checks: Iterable[tuple[str, object, object]]) -> str | None:
    """The first of (what, wanted, found) that differs, as a sentence; None if none does."""
    try:
        for what, wanted, found in checks:
            if wanted != found:
                return f"{what}: wanted {wanted!s:.200}, found {found!s:.200}"
    except (PailError, ValueError, LookupError, TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"  # too many or too few, or not of the schema
    return None


def _check_file(case: Case, settings: Settings, shard_bytes: int) -> Iterator[tuple[str, object, object]]:
    content = settings.content(case["size"])
    root, blocks = _write(content, settings)
    yield "root", case["root"], str(root.cid)
    for wanted, block in zip(case.get("blocks", []), blocks, strict="blocks" in case):
        yield "block", wanted["cid"], str(block.cid)
        yield f"size of {block.cid}", wanted.get("size", len(block.data)), len(block.data)
    stored = dict(blocks)
    for node in case.get("non_leaf_bytes", []):
        yield f"node {node['cid']}", base64.b64decode(node["bytes"]), stored.get(parse_cid(node["cid"]))
    yield "content read back", content, run(read(root.cid), lambda cids: [_get(stored, cid) for cid in cids])
    if "car" in case:
        yield from _check_shards(case, root.cid, [*_shards(blocks, root.cid, shard_bytes)])


def _check_shards(case: Case, root: CID, shards: list[Shard]) -> Iterator[tuple[str, object, object]]:
    yield "number of shards", len(case["car"]), len(shards)
    for wanted, shard in zip(case["car"], shards, strict=True):
        yield "shard", wanted["cid"], str(shard.cid)
        yield "shard's size", wanted["size"], shard.size_bytes
        yield "shard's roots", wanted["roots"], [str(cid) for cid in shard.roots]
        slices = [
            {"multihash_hex": name.hex(), "offset": at, "length": size} for name, at, size in shard.slices
        ]
        yield "slices", wanted.get("blocks", slices), slices
    parts = tuple(ShardSlices(shard.cid, shard.size_bytes, shard.slices) for shard in shards)
    encoded = encode_index(ShardedDagIndex(root, parts))
    yield "index", base64.b64decode(case["index"]["bytes"]), encoded
    yield "index's CID", case["index"]["car_cid"], str(cid_of(CAR, encoded))
    yield "content of the index", root, decode_index(encoded).content


def _check_directory(case: Case, settings: Settings) -> Iterator[tuple[str, object, object]]:
    blocks: list[Block] = []
    tree: Case = {}
    for file in case["files"]:
        folder, *names = tree, *file["name"].split("/")
        for name in names[:-1]:
            folder = folder.setdefault(name, {})
        folder[names[-1]] = file["size"]
    root = _write_folder(tree, settings, blocks)
    yield "root", case["root"], str(root.cid)
    for wanted, block in zip(case["blocks"], blocks, strict=True):
        yield "block", wanted["cid"], str(block.cid)
        yield f"bytes of {block.cid}", base64.b64decode(wanted["bytes"]), block.data


def _check_car(case: Case) -> Iterator[tuple[str, object, object]]:
    data = base64.b64decode(case["bytes"])
    yield "CID", case["cid"], str(cid_of(CAR, data))
    reader = CarReader()
    blocks = reader.feed(data)
    reader.close()
    yield "bytes written again", data, encode_car(reader.roots or (), blocks)


def _get(stored: dict[CID, bytes], cid: CID) -> bytes:
    if cid not in stored:
        raise MissingBlock(cid)
    return stored[cid]


def _write(content: bytes, settings: Settings) -> tuple[Entry, list[Block]]:
    writer = FileWriter(chunk_bytes=settings.chunk_bytes, width=settings.width)
    blocks = writer.write(content) + writer.close()
    return writer.root, blocks


def _write_folder(folder: Case, settings: Settings, blocks: list[Block]) -> Entry:
    """Children first, in the order in which they were added. Depth is that of a path in a vector."""
    entries: dict[str, Entry] = {}
    for name, child in folder.items():
        if isinstance(child, dict):
            entries[name] = _write_folder(cast(Case, child), settings, blocks)
        else:
            entries[name], written = _write(settings.content(child), settings)
            blocks += written
    block, entry = encode_directory(entries)
    blocks.append(block)
    return entry


def _shards(blocks: Iterable[Block], root: CID, shard_bytes: int) -> Iterator[Shard]:
    """As the JavaScript uploader: full shards without roots, then what is left with the root."""
    room = shard_bytes - len(encode_car_header())
    batch: list[Block] = []
    used = 0
    for block in blocks:
        size = len(car_frame_head(block.cid, len(block.data))) + len(block.data)
        if batch and used + size > room:
            yield _shard(batch, [])
            batch, used = [], 0
        batch.append(block)
        used += size
    yield _shard(batch, [root])


def _shard(blocks: list[Block], roots: list[CID]) -> Shard:
    car = encode_car(roots, blocks)
    slices: list[Slice] = []
    at = len(encode_car_header(roots))
    for cid, data in blocks:
        at += len(car_frame_head(cid, len(data)))
        slices.append(Slice(cid.multihash, at, len(data)))
        at += len(data)
    return Shard(cid_of(CAR, car), len(car), roots, slices)
