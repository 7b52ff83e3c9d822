"""Unsigned varints: minimal, at most nine bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import varint as reference

from pail import DecodeError
from pail.varint import MAX_VARINT, decode_varint, encode_varint


@given(st.integers(0, MAX_VARINT), st.binary(max_size=3), st.binary(max_size=3))
def test_a_varint_reads_as_it_was_written(value: int, before: bytes, behind: bytes) -> None:
    written = encode_varint(value)
    assert written == reference.encode(value)
    assert decode_varint(before + written + behind, len(before)) == (value, len(before) + len(written))


@given(st.integers(0, 56), st.integers(-1, 1))
def test_edges_of_each_length(bits: int, step: int) -> None:
    value = max(0, (1 << bits) + step)
    assert decode_varint(encode_varint(value))[0] == value


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x80\x00", b"\x81\x00", b"\xff\x80\x00", b"\xff" * 9, b"\x80" * 9 + b"\x01"]
)
def test_what_is_cut_short_too_long_or_not_minimal_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_varint(data)


@given(st.binary(max_size=12))
def test_whatever_is_read_is_written_the_same(data: bytes) -> None:
    try:
        value, end = decode_varint(data)
    except DecodeError:
        return
    assert encode_varint(value) == data[:end]


@pytest.mark.parametrize("value", [-1, MAX_VARINT + 1])
def test_no_other_number_is_written(value: int) -> None:
    with pytest.raises(AssertionError):
        encode_varint(value)
