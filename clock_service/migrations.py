"""The tables, as numbered steps: a database is brought from any older schema to the newest.

All that is lacking is done in one transaction, under a lock that only one process can hold. So
of two that start at once one does it and the other finds it done, and a crash leaves the old
schema. A step that has been published is never edited: a change is a new step.
"""

from __future__ import annotations

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
)


def migrate(session: Session, **dialect: str) -> None:
    """Do the steps that the database lacks; the caller holds the lock and commits.

    dialect: the words for `serial`, `bytes` and `clustered`. Raises NewerSchema.
    """
    session.run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    rows = session.rows("SELECT version FROM schema_version")
    version: int = rows[0][0] if rows else 0
    if version > len(STEPS):
        raise NewerSchema(version)
    for step in STEPS[version:]:
        for statement in step.format(**dialect).split(";"):
            session.run(statement)
    if version < len(STEPS):
        session.run("DELETE FROM schema_version")
        session.run("INSERT INTO schema_version VALUES (?)", (len(STEPS),))
