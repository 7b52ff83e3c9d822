"""One record of a snapshot, and the JSON form that atproto gives to records."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from backup_agent.atproto.commit import decode_commit
from backup_agent.atproto.errors import InvalidSyntax
from backup_agent.atproto.mst import find_record, walk_entries
from backup_agent.atproto.mst_node import Entry
from backup_agent.atproto.syntax import AtUri, parse_at_uri
from backup_agent.errors import RecordNotFound
from pail import CID, Value, Walk, decode_dag_cbor


def read_record(commit: CID, path: str) -> Walk[dict[str, Any]]:
    """The record at `path` (COLLECTION/RKEY): `{path, cid, value}`, its value in the JSON form.

    Reads the tree's nodes on the way and the record. Raises RecordNotFound.
    """
    advice = "`skypail records` lists those there are" if "/" in path else "write it as COLLECTION/RKEY"
    root = decode_commit(commit, (yield commit)).root
    cid = yield from find_record(root, path.encode())
    if cid is None:
        raise RecordNotFound(path, advice)
    return {"path": path, "cid": str(cid), "value": json_form(decode_dag_cbor((yield cid)))}


def list_records(commit: CID, collection: str | None, visit: Callable[[str, CID], object]) -> Walk[None]:
    """Visit the path and the CID of each record, of one collection or all, in order. Reads no record."""
    start = b"" if collection is None else collection.encode() + b"/"

    def select(found: list[Entry]) -> None:
        for key, cid in found:
            if key.startswith(start):
                visit(key.decode(), cid)

    yield from walk_entries(decode_commit(commit, (yield commit)).root, select)


def record_path(account: str, text: str) -> str:
    """The path that `text` means: itself, or that of an at-uri of a record of `account`.

    Raises RecordNotFound for an at-uri of another account, or none of a record.
    """
    if not text.startswith("at://"):
        return text
    try:
        uri = parse_at_uri(text)
    except InvalidSyntax:
        uri = AtUri("", None, None)
    if uri.collection is None or uri.record_key is None:
        raise RecordNotFound(text, "write it as at://DID/COLLECTION/RKEY")
    if uri.authority != account:
        raise RecordNotFound(text, f"it is one of {account}")
    return f"{uri.collection}/{uri.record_key}"


def json_form(value: Value) -> Any:
    """A DAG-CBOR value as atproto's JSON: links are `{"$link"}`, bytes are `{"$bytes"}`.

    Recurses at most as deep as DAG-CBOR may nest. Source: https://atproto.com/specs/data-model
    """
    if isinstance(value, CID):
        return {"$link": str(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode().rstrip("=")}
    if isinstance(value, list):
        return [json_form(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {key: json_form(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
