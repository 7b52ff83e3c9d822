"""Bytes kept at hand: bounded, and worth nothing more than the time to fetch them."""

from pathlib import Path

import pytest

from pail import CID
from space import kept_bytes
from space.far_blocks import FarBlocks
from space.kept_bytes import KeptBytes
from tests.space.blocks import block


def test_what_is_kept_is_given(tmp_path: Path) -> None:
    kept = KeptBytes(tmp_path / "kept")
    kept.put({b"a": b"1", b"b": b""})
    kept.put({b"a": b"2"})
    assert KeptBytes(tmp_path / "kept").get([b"a", b"b", b"c"]) == {b"a": b"1", b"b": b""}
    kept.drop(b"a")
    assert kept.get([b"a"]) == {}


def test_many_are_asked_for_at_once(tmp_path: Path) -> None:
    kept = KeptBytes(tmp_path / "kept")
    pieces = {number.to_bytes(4, "big"): b"x" for number in range(3000)}
    kept.put(pieces)
    assert kept.get(pieces) == pieces


def test_it_stays_within_its_bound_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_bytes, "MAX_KEPT_BYTES", 1 << 20)
    kept = KeptBytes(tmp_path / "kept")
    for number in range(100):
        kept.put({number.to_bytes(4, "big"): bytes(50_000)})
    held = kept.get(number.to_bytes(4, "big") for number in range(100))
    assert 5 < len(held) < 22
    assert max(held) == (99).to_bytes(4, "big")
    assert kept.get([(0).to_bytes(4, "big")]) == {}


def test_nothing_large_is_kept(tmp_path: Path) -> None:
    kept = KeptBytes(tmp_path / "kept")
    kept.put({b"a": bytes(kept_bytes.MAX_PIECE_BYTES), b"b": bytes(kept_bytes.MAX_PIECE_BYTES + 1)})
    assert kept.get([b"a", b"b"]).keys() == {b"a"}


def test_a_torn_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"not SQLite" * 1000)
    kept = KeptBytes(tmp_path / "kept")
    kept.put({b"a": b"1"})
    assert kept.get([b"a"]) == {b"a": b"1"}


def test_a_kept_block_that_does_not_hash_is_dropped(tmp_path: Path) -> None:
    kept = KeptBytes(tmp_path / "kept")
    far = FarBlocks(kept)
    far.keep([(block(1).cid, b"a lie"), block(2)])
    cids: list[CID] = [block(1).cid, block(2).cid]
    assert far.get(cids) == {block(2).cid: block(2).data}
    far.keep([block(1)])
    assert far.get(cids) == dict([block(1), block(2)])
