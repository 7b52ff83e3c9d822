"""The tables, as numbered steps: a database is brought from any older schema to the newest.

All that is lacking is done in one transaction, under a lock that only one process can hold. So
of two that start at once one does it and the other finds it done, and a crash leaves the old
schema. A step that has been published is never edited: a change is a new step.
"""

from __future__ import annotations

from collections.abc import Sequence

from clock_service.errors import NewerSchema
from clock_service.session import Session

STEPS = (
    """
    CREATE TABLE clock (
        id {serial}, space TEXT NOT NULL UNIQUE, head {bytes} NOT NULL,
        is_registered INTEGER NOT NULL, events_a_day BIGINT, max_bytes BIGINT, guard TEXT,
        events BIGINT NOT NULL, bytes BIGINT NOT NULL, day BIGINT NOT NULL, events_today BIGINT NOT NULL
    );
    CREATE TABLE event (
        clock BIGINT NOT NULL, cid {bytes} NOT NULL, block {bytes} NOT NULL, PRIMARY KEY (clock, cid)
    ){clustered};
    CREATE TABLE revocation (
        delegation {bytes} NOT NULL, revoker TEXT NOT NULL, PRIMARY KEY (delegation, revoker)
    ){clustered};
    CREATE TABLE follow (
        space TEXT NOT NULL, issuer TEXT NOT NULL, clock TEXT NOT NULL, PRIMARY KEY (space, issuer, clock)
    ){clustered};
    CREATE TABLE receipt (number {serial}, task {bytes} NOT NULL UNIQUE, block {bytes} NOT NULL)
    """,
    """
    ALTER TABLE revocation ADD COLUMN space TEXT NOT NULL DEFAULT '';
    ALTER TABLE revocation ADD COLUMN expires_at_unix BIGINT;
    CREATE INDEX revocation_space ON revocation (space)
    """,
)


def migrate(
    session: Session, steps: Sequence[str] = STEPS, *, version_table: str = "schema_version", **dialect: str
) -> None:
    """Do those of `steps` that the database lacks; the caller holds the lock and commits.

    version_table: one for each room that keeps tables of its own in the same database.
    dialect: the words for `serial`, `bytes` and `clustered`. Raises NewerSchema.
    """
    session.run(f"CREATE TABLE IF NOT EXISTS {version_table} (version INTEGER NOT NULL)")
    rows = session.rows(f"SELECT version FROM {version_table}")  # noqa: S608 - a name of ours
    version: int = rows[0][0] if rows else 0
    if version > len(steps):
        raise NewerSchema(version)
    for step in steps[version:]:
        for statement in step.format(**dialect).split(";"):
            session.run(statement)
    if version < len(steps):
        session.run(f"DELETE FROM {version_table}")  # noqa: S608
        session.run(f"INSERT INTO {version_table} VALUES (?)", (len(steps),))  # noqa: S608
