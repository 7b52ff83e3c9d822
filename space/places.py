"""Where blocks stand in a CAR shard, read from the pages that `space.slices` makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from space.slices import DIGEST_BYTES, SLICE_HEAD


class Slot(NamedTuple):
    """offset, size: in bytes, of a block's content in the file of the shard `shard` (its row)."""

    shard: int
    offset: int
    size: int


def place_in(page: bytes, digest: bytes, shard: int) -> Slot | None:
    """The place of `digest` in a page of `shard`, None if it has none."""
    at = page.find(SLICE_HEAD + digest)
    return Slot(shard, *_offset_and_size(page, at + len(SLICE_HEAD) + DIGEST_BYTES)[:2]) if at >= 0 else None


def places_in(page: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Digest, offset and size of every place of a page."""
    at = 0
    while at < len(page):
        digest_at = at + len(SLICE_HEAD)
        offset, size, at = _offset_and_size(page, digest_at + DIGEST_BYTES)
        yield page[digest_at : digest_at + DIGEST_BYTES], offset, size


def start_behind(page: bytes, digest: bytes) -> int:
    """Where the first slice of a greater digest starts in a page. It has none of `digest` itself."""
    at = 0
    while at < len(page):
        digest_at = at + len(SLICE_HEAD)
        found = page[digest_at : digest_at + DIGEST_BYTES]
        assert found != digest, "no block is its own shard"
        if found > digest:
            break
        at = _offset_and_size(page, digest_at + DIGEST_BYTES)[2]
    return at


def _offset_and_size(page: bytes, at: int) -> tuple[int, int, int]:
    """The two numbers behind a digest, and where they end."""
    offset, at = _number(page, at + 1)  # behind the head of a list of two
    size, at = _number(page, at)
    return offset, size, at


def _number(page: bytes, at: int) -> tuple[int, int]:
    """The CBOR integer at `at`, and where it ends."""
    first = page[at]
    if first < 24:
        return first, at + 1
    end = at + 1 + (1 << (first - 24))
    return int.from_bytes(page[at + 1 : end], "big"), end
