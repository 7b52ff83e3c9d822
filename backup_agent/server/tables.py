"""The tables, as numbered steps; a step that has been published is never edited.

Times are milliseconds since 1970 unless a name ends in `_s`. What of an account is only shown, never
searched, is JSON in `last_run` and `last_good`.
"""

from __future__ import annotations

VERSION_TABLE = "agent_schema"

STEPS = (
    """
    CREATE TABLE agent_account (
        id {serial}, space TEXT NOT NULL, did TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
        every_s BIGINT NOT NULL, until_s BIGINT, keep TEXT,
        place TEXT NOT NULL, sealed {bytes}, provider TEXT, clock_url TEXT, clock_did TEXT,
        expires_s BIGINT NOT NULL,
        host TEXT, next_due BIGINT NOT NULL, slot BIGINT NOT NULL, job TEXT, is_wanted INTEGER NOT NULL,
        worker TEXT, holder TEXT, started BIGINT, failures BIGINT NOT NULL, last_run TEXT, last_good TEXT,
        good_at BIGINT NOT NULL,
        UNIQUE (space, did)
    );
    CREATE INDEX agent_account_due ON agent_account (state, next_due);
    CREATE INDEX agent_account_host ON agent_account (host);
    CREATE TABLE agent_delegation (
        account BIGINT NOT NULL, cid {bytes} NOT NULL, archive {bytes} NOT NULL, PRIMARY KEY (account, cid)
    ){clustered};
    CREATE TABLE agent_revocation (
        delegation {bytes} NOT NULL, revoker TEXT NOT NULL, PRIMARY KEY (delegation, revoker)
    ){clustered};
    CREATE TABLE agent_host (
        name TEXT PRIMARY KEY, not_before BIGINT NOT NULL, failures BIGINT NOT NULL, why TEXT NOT NULL,
        tokens BIGINT NOT NULL, filled BIGINT NOT NULL
    );
    CREATE TABLE agent_space (
        space TEXT PRIMARY KEY, day BIGINT NOT NULL, runs BIGINT NOT NULL, bytes BIGINT NOT NULL,
        worker TEXT, holder TEXT
    );
    CREATE TABLE agent_worker (
        id TEXT PRIMARY KEY, seen BIGINT NOT NULL, started BIGINT NOT NULL, is_dead INTEGER NOT NULL
    );
    CREATE TABLE agent_run (
        id {serial}, space TEXT NOT NULL, did TEXT NOT NULL, host TEXT, worker TEXT NOT NULL,
        started BIGINT NOT NULL, ended BIGINT NOT NULL, result TEXT NOT NULL, reason TEXT NOT NULL,
        bytes BIGINT NOT NULL
    );
    CREATE INDEX agent_run_ended ON agent_run (ended)
    """,
    """
    ALTER TABLE agent_account ADD COLUMN place_domain TEXT;
    ALTER TABLE agent_account ADD COLUMN clock_domain TEXT;
    ALTER TABLE agent_account ADD COLUMN over_since BIGINT;
    CREATE INDEX agent_account_running ON agent_account (worker) WHERE worker IS NOT NULL
    """,
    """
    CREATE INDEX agent_account_busy ON agent_account (id) WHERE job IS NOT NULL OR worker IS NOT NULL
    """,
)
