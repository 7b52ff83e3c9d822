"""What can go wrong in pail, and whose fault it is.

PailError
├── DecodeError        bytes from outside are not what they claim; refuse them
│   └── HashMismatch   a block does not hash to the CID it was asked for by
├── MissingBlock       a block cannot be had here; ask elsewhere or later
├── InvalidKey         the caller's key is not printable ASCII of at most 4096 bytes
├── NoHead             the caller asks for the state of a clock that has seen nothing
└── TooLarge           a walk or a value passes a limit named in its module
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pail.cid import CID


class PailError(Exception):
    """Any error of this package."""


class DecodeError(PailError, ValueError):
    """Bytes from outside that are not well-formed; nothing was done with them."""


class HashMismatch(DecodeError):
    """The bytes given for `cid` hash to something else."""

    def __init__(self, cid: CID) -> None:
        super().__init__(f"block does not hash to its CID: {cid}")
        self.cid = cid


class MissingBlock(PailError, LookupError):
    """The block `cid` cannot be had here: it may exist elsewhere, or arrive later."""

    def __init__(self, cid: CID) -> None:
        super().__init__(f"missing block: {cid}")
        self.cid = cid


class InvalidKey(PailError, ValueError):
    """A key that no pail can hold; the caller's mistake."""


class NoHead(PailError, ValueError):
    """A clock that has seen no event has no root; a first put makes one."""


class TooLarge(PailError):
    """A limit named in the raising module was passed; nothing was done."""
