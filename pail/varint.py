"""Unsigned varints as multiformats defines them: at most nine bytes, always minimal.

Source: https://github.com/multiformats/unsigned-varint
"""

from __future__ import annotations

from pail.errors import DecodeError

MAX_VARINT_BYTES = 9
MAX_VARINT = (1 << 63) - 1


def encode_varint(value: int) -> bytes:
    """The varint of `value`, 0 to MAX_VARINT."""
    if 0x7F < value < 0x4000:  # the frame of nearly every record and node
        return bytes((value & 0x7F | 0x80, value >> 7))
    assert 0 <= value <= MAX_VARINT
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_varint(data: bytes | bytearray | memoryview, offset: int = 0) -> tuple[int, int]:
    """The value at `offset` and the offset behind it.

    Raises DecodeError for a varint that is cut short, longer than nine bytes or not minimal.
    """
    value = 0
    for index in range(MAX_VARINT_BYTES):
        if offset + index >= len(data):
            raise DecodeError("varint is cut short")
        byte = data[offset + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if byte == 0 and index:
                raise DecodeError("varint is not minimal")
            return value, offset + index + 1
    raise DecodeError("varint is longer than nine bytes")
