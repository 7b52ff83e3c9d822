"""The provider's tables, beside those of the clocks in the same database.

    space        one row for each that is or was hosted: quota and what it uses
    blob         bytes that are durable in the object store; `object` is their key there; `is_damaged` if
                 it was seen to hold others: then they are taken again, also of who holds the blob
    entry        which space holds which blob
    allocation   room that was promised: until it expires or the blob is accepted; then its receipt
    upload, upload_shard   DAGs that a space lists, and the shards they are in
    slice        where blocks stand in blobs, as proved when an index was added
    delegation   what is kept for whoever claims it, in the name of a space; `space` is 0 for the service's
    session      what was made of a login, by the CID of its first attestation
    arrival      who put which blob and has not concluded yet: `owner` is a hash of the space, as in its URL
    garbage      objects that no blob names any more and that are still in the store

Times are in Unix seconds; those that are shown, in milliseconds.
"""

from __future__ import annotations

VERSION_TABLE = "provider_schema_version"

STEPS = (
    """
    CREATE TABLE space (
        id {serial}, did TEXT NOT NULL UNIQUE, account TEXT, max_bytes BIGINT NOT NULL,
        used_bytes BIGINT NOT NULL, blobs BIGINT NOT NULL, is_hosted INTEGER NOT NULL
    );
    CREATE INDEX space_account ON space (account);
    CREATE TABLE blob (
        digest {bytes} PRIMARY KEY, object TEXT NOT NULL, size BIGINT NOT NULL, stored_at BIGINT NOT NULL
    ){clustered};
    CREATE INDEX blob_object ON blob (object);
    CREATE TABLE entry (
        number {serial}, space BIGINT NOT NULL, digest {bytes} NOT NULL, size BIGINT NOT NULL,
        cause {bytes} NOT NULL, inserted_at BIGINT NOT NULL, UNIQUE (space, digest)
    );
    CREATE INDEX entry_digest ON entry (digest);
    CREATE INDEX entry_page ON entry (space, number);
    CREATE TABLE allocation (
        put {bytes} PRIMARY KEY, accept {bytes} NOT NULL UNIQUE, space BIGINT NOT NULL,
        digest {bytes} NOT NULL, size BIGINT NOT NULL, cause {bytes} NOT NULL,
        expires_at BIGINT NOT NULL, is_accepted INTEGER NOT NULL
    ){clustered};
    CREATE INDEX allocation_space ON allocation (space, is_accepted, expires_at);
    CREATE INDEX allocation_digest ON allocation (digest);
    CREATE INDEX allocation_expires ON allocation (expires_at);
    CREATE TABLE upload (
        number {serial}, space BIGINT NOT NULL, root {bytes} NOT NULL, issuer TEXT NOT NULL,
        cause {bytes} NOT NULL, inserted_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
        UNIQUE (space, root)
    );
    CREATE INDEX upload_page ON upload (space, number);
    CREATE TABLE upload_shard (
        upload BIGINT NOT NULL, shard {bytes} NOT NULL, PRIMARY KEY (upload, shard)
    ){clustered};
    CREATE TABLE slice (
        multihash {bytes} NOT NULL, shard {bytes} NOT NULL, start BIGINT NOT NULL, length BIGINT NOT NULL,
        PRIMARY KEY (multihash, shard)
    ){clustered};
    CREATE INDEX slice_shard ON slice (shard);
    CREATE TABLE delegation (
        cid {bytes} PRIMARY KEY, audience TEXT NOT NULL, space BIGINT, archive {bytes} NOT NULL
    ){clustered};
    CREATE INDEX delegation_audience ON delegation (audience);
    CREATE INDEX delegation_space ON delegation (space, audience);
    CREATE TABLE session (
        login {bytes} NOT NULL, cid {bytes} NOT NULL, PRIMARY KEY (login, cid)
    ){clustered};
    CREATE TABLE garbage (object TEXT PRIMARY KEY){clustered}
    """,
    """
    CREATE TABLE arrival (
        digest {bytes} NOT NULL, owner {bytes} NOT NULL, arrived_at BIGINT NOT NULL,
        PRIMARY KEY (digest, owner)
    ){clustered};
    CREATE INDEX arrival_age ON arrival (arrived_at);
    ALTER TABLE delegation ADD COLUMN kept_at BIGINT NOT NULL DEFAULT 0;
    INSERT INTO arrival SELECT digest, digest, stored_at FROM blob b
        WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.digest = b.digest)
    """,
    """
    ALTER TABLE blob ADD COLUMN is_damaged INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE space ADD COLUMN slices BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE entry ADD COLUMN slices BIGINT NOT NULL DEFAULT 0
    """,
    """
    CREATE TABLE kept (
        cid {bytes} NOT NULL, space BIGINT NOT NULL, audience TEXT NOT NULL, archive {bytes} NOT NULL,
        kept_at BIGINT NOT NULL, PRIMARY KEY (cid, space)
    ){clustered};
    INSERT INTO kept SELECT cid, coalesce(space, 0), audience, archive, kept_at FROM delegation;
    DROP TABLE delegation;
    ALTER TABLE kept RENAME TO delegation;
    CREATE INDEX delegation_audience ON delegation (audience);
    CREATE INDEX delegation_space ON delegation (space, audience)
    """,
)
