"""One record of a snapshot, and the JSON form that atproto gives to records."""

from __future__ import annotations

import base64
from typing import Any

from backup_agent.atproto.commit import decode_commit
from backup_agent.atproto.mst import find_record
from backup_agent.errors import RecordNotFound
from pail import CID, Value, Walk, decode_dag_cbor


def read_record(commit: CID, path: str) -> Walk[dict[str, Any]]:
    """The record at `path` (COLLECTION/RKEY): `{path, cid, value}`, its value in the JSON form.

    Reads the tree's nodes on the way and the record. Raises RecordNotFound.
    """
    root = decode_commit(commit, (yield commit)).root
    cid = yield from find_record(root, path.encode())
    if cid is None:
        raise RecordNotFound(path)
    return {"path": path, "cid": str(cid), "value": json_form(decode_dag_cbor((yield cid)))}


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
