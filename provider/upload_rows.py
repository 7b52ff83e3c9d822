"""The rows of what a space lists as its uploads."""

from __future__ import annotations

from collections.abc import Sequence

from clock_service.session import Row, Session
from pail import CID
from provider.errors import InsufficientStorage, TooMuch
from provider.records import Page, Upload
from provider.space_rows import load

MAX_SHARDS = 10_000
"""Of one upload: 1.3 TB of full ones."""

MAX_SHARDS_OF_PAGE = 20_000
"""In the answer to one listing, which ends with the upload that reaches so many."""

MAX_UPLOADS = 100_000
"""That one space lists."""

_FIELDS = "number, root, issuer, cause, inserted_at, updated_at"


def add(
    session: Session, did: str, root: CID, shards: Sequence[CID], issuer: str, cause: CID, now_ms: int
) -> Upload:
    """List the DAG, or add shards to it. Raises InsufficientStorage if the space is not hosted, TooMuch."""
    found = load(session, did, lock=True)
    if found is None or not found[1].is_hosted:
        raise InsufficientStorage(f"{did} has no storage provider")
    known = get(session, did, root)
    if len({*shards, *(known.shards if known else ())}) > MAX_SHARDS:
        raise TooMuch(f"an upload has {MAX_SHARDS} shards at most")
    if known is None and _count(session, found[0]) >= MAX_UPLOADS:
        raise TooMuch(f"a space lists {MAX_UPLOADS} uploads at most")
    session.run(
        "INSERT INTO upload (space, root, issuer, cause, inserted_at, updated_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (space, root) DO UPDATE SET updated_at = excluded.updated_at",
        (found[0], bytes(root), issuer, bytes(cause), now_ms, now_ms),
    )
    (number,) = session.rows(
        "SELECT number FROM upload WHERE space = ? AND root = ?", (found[0], bytes(root))
    )[0]
    rows = [(number, bytes(shard)) for shard in shards]
    session.run_many("INSERT INTO upload_shard VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
    upload = get(session, did, root)
    assert upload is not None, "it was listed a moment ago, and its space is locked"
    return upload


def _count(session: Session, space: int) -> int:
    return session.rows("SELECT count(*) FROM upload WHERE space = ?", (space,))[0][0]


def get(session: Session, did: str, root: CID) -> Upload | None:
    found = load(session, did)
    sql = f"SELECT {_FIELDS} FROM upload WHERE space = ? AND root = ?"  # noqa: S608
    rows = session.rows(sql, (found[0], bytes(root))) if found else []
    return _upload_of(session, rows[0]) if rows else None


def remove(session: Session, did: str, root: CID) -> Upload | None:
    """List it no longer; what it was, None if it was not listed."""
    load(session, did, lock=True)
    upload = get(session, did, root)
    if upload is not None:
        session.run("DELETE FROM upload_shard WHERE upload = ?", (upload.number,))
        session.run("DELETE FROM upload WHERE number = ?", (upload.number,))
    return upload


def page(session: Session, did: str, cursor: int | None, size: int, *, is_newer: bool) -> Page[Upload]:
    """`size` uploads older than `cursor`, or newer ones and nearest to it; newest first."""
    found = load(session, did)
    if found is None:
        return Page((), True)
    if is_newer:
        sql = f"SELECT {_FIELDS} FROM upload WHERE space = ? AND number > ? ORDER BY number LIMIT ?"  # noqa: S608
        rows = session.rows(sql, (found[0], cursor or 0, size + 1))
    else:
        sql = f"SELECT {_FIELDS} FROM upload WHERE space = ? AND number < ? ORDER BY number DESC LIMIT ?"  # noqa: S608
        rows = session.rows(sql, (found[0], (1 << 62) if cursor is None else cursor, size + 1))
    uploads, shards = list[Upload](), 0
    for row in rows[:size]:
        if shards < MAX_SHARDS_OF_PAGE:
            uploads.append(_upload_of(session, row))
            shards += len(uploads[-1].shards)
    return Page(uploads[::-1] if is_newer else uploads, len(rows) == len(uploads))


def _upload_of(session: Session, row: Row) -> Upload:
    number, root, issuer, cause, inserted_at, updated_at = row
    rows = session.rows("SELECT shard FROM upload_shard WHERE upload = ? ORDER BY shard", (number,))
    shards = tuple(CID(shard) for (shard,) in rows)
    return Upload(number, CID(root), shards, issuer, CID(cause), inserted_at, updated_at)
