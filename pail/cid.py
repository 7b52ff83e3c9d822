"""CID: the name of a block, by its hash.

A CID *is* its binary form, a subclass of `bytes`: it hashes, compares and sorts as bytes
do, in C, which is the order every format here wants. Because a CID is also an instance of
`bytes`, look at values with `isinstance(value, CID)` before `isinstance(value, bytes)`.

Source: https://github.com/multiformats/cid, https://dasl.ing/cid.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from pail.errors import DecodeError, HashMismatch
from pail.varint import decode_varint, encode_varint

RAW = 0x55
DAG_PB = 0x70
DAG_CBOR = 0x71
CAR = 0x0202
SHA2_256 = 0x12

MAX_CID_BYTES = 128
"""No CID is longer: four short varints and a digest of at most 64 bytes fit twice."""

_V0_PREFIX = b"\x12\x20"
_SHA2_256_TAIL = b"\x12\x20"


class CID(bytes):
    """A content identifier in its binary form, without a multibase prefix.

    The constructor checks nothing: bytes from outside go through `decode_cid` or `parse_cid`.
    """

    __slots__ = ()

    def __str__(self) -> str:
        """The text form: base58btc for version 0, else multibase base32 lower case."""
        if self[:2] == _V0_PREFIX:
            return _encode_base58btc(self)
        return "b" + base64.b32encode(self).decode().lower().rstrip("=")

    def __repr__(self) -> str:
        return f"CID({self})"

    @property
    def codec(self) -> int:
        """The multicodec of the content, e.g. DAG_CBOR."""
        return DAG_PB if self[:2] == _V0_PREFIX else decode_varint(self, 1)[0]

    @property
    def multihash(self) -> bytes:
        """The hash with its code and length, as CAR indexes name blocks."""
        if self[1] < 0x80:  # one byte of codec; in a version 0, of length
            return bytes(self) if self[0] != 1 else self[2:]
        return self[decode_varint(self, 1)[1] :]


def cid_prefix(codec: int) -> bytes:
    """What stands before the digest in a CIDv1 by SHA2-256."""
    return b"\x01" + encode_varint(codec) + _SHA2_256_TAIL


_COMMON_PREFIXES = frozenset(cid_prefix(codec) for codec in (RAW, DAG_PB, DAG_CBOR))


def cid_of(codec: int, content: bytes | bytearray | memoryview) -> CID:
    """The CIDv1 of `content`, by SHA2-256."""
    return CID(cid_prefix(codec) + hashlib.sha256(content).digest())


def decode_cid(data: bytes) -> CID:
    """The CID whose binary form is all of `data`.

    Version 0 (a bare SHA2-256 multihash) and version 1 with minimal varints and a digest of
    the stated length are taken, whatever the codec and hash. Raises DecodeError otherwise.
    """
    if len(data) == 36 and data[:4] in _COMMON_PREFIXES:
        return CID(data)
    cid, end = decode_cid_prefix(data)
    if end != len(data):
        raise DecodeError("CID has bytes behind its digest")
    return cid


def decode_cid_prefix(data: bytes | bytearray | memoryview, offset: int = 0) -> tuple[CID, int]:
    """The CID that starts at `offset`, and the offset behind it. Raises DecodeError."""
    if bytes(data[offset : offset + 2]) == _V0_PREFIX:
        end = offset + 34
    else:
        version, at = decode_varint(data, offset)
        if version != 1:
            raise DecodeError(f"CID has version {version}, not 0 or 1")
        for _ in ("codec", "hash"):
            _, at = decode_varint(data, at)
        size, at = decode_varint(data, at)
        end = at + size
    if end > len(data) or end - offset > MAX_CID_BYTES:
        raise DecodeError("CID is cut short or too long")
    return CID(data[offset:end]), end


def parse_cid(text: str) -> CID:
    """The CID of a text form: multibase base32 (`b…`), or base58btc of a version 0 (`Qm…`).

    The text must be the canonical one. Raises DecodeError.
    """
    try:
        if len(text) == 46 and text.startswith("Qm"):
            cid = decode_cid(_decode_base58btc(text))
        elif text.startswith("b"):
            body = text[1:].upper()
            cid = decode_cid(base64.b32decode(body + "=" * (-len(body) % 8)))
        else:
            raise DecodeError(f"not a CID in base32: {text[:80]!r}")
    except (binascii.Error, ValueError) as error:
        raise DecodeError(f"not a CID: {text[:80]!r}") from error
    if str(cid) != text:
        raise DecodeError(f"not the canonical text of a CID: {text[:80]!r}")
    return cid


def verify_block(cid: CID, data: bytes | memoryview) -> None:
    """Check that `data` hashes to `cid` (T1).

    Raises HashMismatch if it does not, DecodeError if the hash is not SHA2-256.
    """
    common = len(cid) == 36 and cid[:4] in _COMMON_PREFIXES
    if not common and (len(cid.multihash) != 34 or cid[-34:-32] != _SHA2_256_TAIL):
        raise DecodeError(f"cannot check a block whose hash is not sha2-256: {cid}")
    if hashlib.sha256(data).digest() != cid[-32:]:
        raise HashMismatch(cid)


# Only for version 0, which starts with 0x12: leading zeros, an oddity of base58, do not occur.
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _encode_base58btc(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return text


def _decode_base58btc(text: str) -> bytes:
    number = 0
    for letter in text:
        number = number * 58 + _BASE58.index(letter)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
