"""The blobs that a record links.

Two forms: `{"$type": "blob", "ref": &Blob, "mimeType": Text, "size": Int}`, and the one from
before 2023, `{"cid": Text, "mimeType": Text}`, both anywhere in the record. A map that only
resembles them is data, not a link.

Source: https://atproto.com/specs/data-model#blob-type
"""

# Any narrowed by `type(x) is dict` is a dict of Unknown to pyright.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any, NamedTuple

from pail import CID, DecodeError, Value, parse_cid

MARK = b"mimeType"
"""The bytes of every record that links a blob hold this; few others do."""

_LEGACY_FIELDS = {"cid", "mimeType"}


class BlobRef(NamedTuple):
    """A link to a blob. The type and the size are what the record claims, proved by nothing."""

    cid: CID
    mime_type: str
    size_bytes: int | None
    """None in the old form, or when it is no size."""


def blob_refs(record: dict[str, Value]) -> list[BlobRef]:
    """The blobs that a decoded record links, repeats included, in no promised order.

    record: as `pail.decode_dag_cbor` gives it, so of bounded depth and size.
    """
    found: list[BlobRef] = []
    waiting: list[Value] = [record]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            if "mimeType" in value and (reference := _blob_ref(value)):
                found.append(reference)
                continue
            value = value.values()
        waiting += [item for item in value if type(item) is dict or type(item) is list]
    return found


def _blob_ref(fields: dict[str, Any]) -> BlobRef | None:
    mime_type = fields.get("mimeType")
    if not isinstance(mime_type, str):
        return None
    if fields.get("$type") == "blob":
        cid, size = fields.get("ref"), fields.get("size")
        known = type(size) is int and size >= 0
        return BlobRef(cid, mime_type, size if known else None) if isinstance(cid, CID) else None
    text = fields.get("cid")
    if set(fields) != _LEGACY_FIELDS or not isinstance(text, str):
        return None
    try:
        return BlobRef(parse_cid(text), mime_type, None)
    except DecodeError:
        return None
