"""The names atproto uses, checked strictly: what `parse_*` returns is well-formed.

Source: https://atproto.com/specs/did, handle, nsid, record-key, tid and at-uri-scheme.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from backup_agent.atproto.errors import InvalidSyntax

MAX_DID_CHARS = 2048
MAX_HANDLE_CHARS = 253
MAX_NSID_CHARS = 317
MAX_AT_URI_CHARS = 8192

_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_TOP_LABEL = "[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DID = re.compile("did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_HANDLE = re.compile(rf"(?:{_LABEL}\.)+{_TOP_LABEL}")
_NSID = re.compile(rf"{_TOP_LABEL}(?:\.{_LABEL})+\.[a-zA-Z][a-zA-Z0-9]{{0,62}}")
_RECORD_KEY = re.compile("[A-Za-z0-9._:~-]{1,512}")
_TID_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_TID = re.compile("[234567a-j][234567a-z]{12}")


class AtUri(NamedTuple):
    """`at://authority/collection/record_key`, the latter two optional."""

    authority: str
    """A DID or a handle."""
    collection: str | None
    record_key: str | None


def parse_did(text: str) -> str:
    """`text`, if it is a DID. Raises InvalidSyntax."""
    return _matching("DID", _DID, text, MAX_DID_CHARS)


def parse_handle(text: str) -> str:
    """`text` in lower case, if it is a handle: handles are compared without case. Raises InvalidSyntax."""
    return _matching("handle", _HANDLE, text, MAX_HANDLE_CHARS).lower()


def parse_nsid(text: str) -> str:
    """`text`, if it is an NSID, as collections are named by. Raises InvalidSyntax."""
    return _matching("NSID", _NSID, text, MAX_NSID_CHARS)


def parse_record_key(text: str) -> str:
    """`text`, if it is a record key. Raises InvalidSyntax."""
    if text in (".", ".."):
        raise InvalidSyntax("record key", text)
    return _matching("record key", _RECORD_KEY, text, 512)


def parse_tid(text: str) -> str:
    """`text`, if it is a TID, as revisions are. Raises InvalidSyntax."""
    return _matching("TID", _TID, text, 13)


def tid_unix_ms(tid: str) -> int:
    """The moment that `tid`, of `parse_tid`, is made of: milliseconds since 1970."""
    number = 0
    for char in tid:
        number = number << 5 | _TID_DIGITS.index(char)
    return (number >> 10) // 1000


def parse_at_uri(text: str) -> AtUri:
    """The parts of an at-uri without query or fragment. Raises InvalidSyntax."""
    scheme, _, rest = text.partition("://")
    parts: list[str | None] = [*rest.split("/", 3)]
    if scheme != "at" or len(text) > MAX_AT_URI_CHARS or len(parts) > 3:
        raise InvalidSyntax("at-uri", text)
    authority, collection, record_key = parts + [None] * (3 - len(parts))
    try:
        assert authority is not None
        authority = parse_did(authority) if authority.startswith("did:") else parse_handle(authority)
        collection = None if collection is None else parse_nsid(collection)
        record_key = None if record_key is None else parse_record_key(record_key)
    except InvalidSyntax as error:
        raise InvalidSyntax("at-uri", text) from error
    return AtUri(authority, collection, record_key)


def _matching(kind: str, pattern: re.Pattern[str], text: str, max_chars: int) -> str:
    if len(text) > max_chars or not pattern.fullmatch(text):
        raise InvalidSyntax(kind, text)
    return text
