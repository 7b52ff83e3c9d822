"""Archives: the original's files, and no others."""

import pytest

from pail import DecodeError, HashMismatch, MissingBlock, PailError, encode_block
from pail.car import encode_car
from tests.ucan.people import AGENT, BOB, SPACE, grant
from ucan import decode_archive, encode_archive

FIRST = grant(SPACE, AGENT.did)
SECOND = grant(AGENT, BOB.did, proofs=[FIRST])
ARCHIVE = encode_archive(SECOND)


def test_comes_back_with_its_proofs() -> None:
    delegation = decode_archive(ARCHIVE)
    assert delegation == SECOND
    assert delegation.proof(FIRST.cid) == FIRST
    assert encode_archive(delegation) == ARCHIVE


def test_a_flipped_bit_anywhere_is_refused_or_leaves_a_proof_out() -> None:
    """No hash covers the codec in a block's CID: with another one it is another block."""
    for at in range(len(ARCHIVE) * 8):
        flipped = bytearray(ARCHIVE)
        flipped[at // 8] ^= 1 << at % 8
        try:
            delegation = decode_archive(bytes(flipped))
        except PailError:
            continue
        assert delegation == SECOND
        assert FIRST.cid not in delegation.blocks


@pytest.mark.parametrize("size", [0, 1, 60, 200, len(ARCHIVE) - 1])
def test_a_cut_one_is_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        decode_archive(ARCHIVE[:size])


def archive_of(root: object) -> bytes:
    block = encode_block(root)
    return encode_car([block.cid], [*SECOND.export(), block])


@pytest.mark.parametrize(
    "root",
    [{}, [], {"ucan@0.9.1": "text"}, {"ucan@0.10.0": SECOND.cid}, {"ucan@0.9.1": SECOND.cid, "more": 1}],
)
def test_another_root_is_refused(root: object) -> None:
    with pytest.raises(DecodeError):
        decode_archive(archive_of(root))


def test_roots_are_one_and_there() -> None:
    blocks = list(SECOND.export())
    for roots in [], [FIRST.cid, SECOND.cid], [encode_block({"x": 1}).cid]:
        with pytest.raises(DecodeError):
            decode_archive(encode_car(roots, blocks))


def test_a_ucan_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingBlock) as caught:
        decode_archive(archive_of({"ucan@0.9.1": grant(SPACE, BOB.did, nonce="x").cid}))
    assert caught.value.cid == grant(SPACE, BOB.did, nonce="x").cid


def test_a_block_under_another_cid_is_refused() -> None:
    root = encode_block({"ucan@0.9.1": FIRST.cid})
    with pytest.raises(HashMismatch):
        decode_archive(encode_car([root.cid], [FIRST_AS_OTHER, root]))


FIRST_AS_OTHER = encode_block({"x": 1})._replace(cid=FIRST.cid)
