"""The repository's part of a run: fetch what is new, and prove the whole before anything is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from backup_agent.atproto.blob_refs import MARK, BlobRef
from backup_agent.atproto.errors import RepositoryFault
from backup_agent.atproto.mst import MAX_ASK, walk_blocks
from backup_agent.atproto.mst_diff import Change
from backup_agent.atproto.mst_node import Entry
from backup_agent.atproto.repo import ChangeProof, check_records, verify_change, verify_tree
from backup_agent.atproto.syntax import tid_unix_ms
from backup_agent.catalogue import Snapshot
from backup_agent.errors import BackupRefused, StaleHost
from backup_agent.run.base import Base
from backup_agent.run.context import Run
from backup_agent.run.staging import Put, Staging
from backup_agent.snapshot import format_timestamp
from backup_agent.snapshot.keys import parse_timestamp
from backup_agent.source import LatestCommit
from pail import CID, Block, MissingBlock, PailError, Walk, run
from pail.car import CarReader, mentioning
from space import CorruptBlock

MAX_BLOCKS = 1 << 23
"""Blocks of one repository; some 200 bytes of memory each while they are staged."""

MAX_AHEAD_MS = 24 * 3600 * 1000
"""How far a revision may be ahead of this machine's clock."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A commit whose whole tree is proved, and staged or in the space."""

    commit: CID
    rev: str
    records: int
    blobs: frozenset[CID]
    """Blobs that records link: all of them, or just those of records that are new."""
    whole: bool
    """Whether `blobs` is all of them."""


async def get_repository(run_: Run, staging: Staging, latest: LatestCommit, base: Base) -> Repository:
    """The repository at `latest` or newer.

    What the space has is not fetched; only what changed since the snapshot before is asked for, unless
    that turns out not to be enough. Raises BackupRefused naming what does not verify.
    """
    proved, previous = base.proved, base.previous
    if proved is not None and proved.backup.repo == latest.cid:
        return Repository(latest.cid, proved.backup.rev, proved.certificate.records, frozenset(), False)
    fetcher = _Fetcher(run_, staging)
    prover = _Prover(run_, staging, base, fetcher.linking)
    try:
        if run_.space.has([latest.cid]) and (known := prover.try_prove(latest.cid)):
            return known
        if previous is not None:
            since = previous.backup.rev
            if changed := prover.try_prove(await fetcher.fetch(since)):
                return changed
        try:
            return prover.prove(await fetcher.fetch(None))
        except CorruptBlock as loss:  # the host's copy was not staged, since the space seemed to have it
            run_.space.doubt(loss)
            return prover.prove(await fetcher.fetch(None))
    except MissingBlock as error:
        raise BackupRefused(run_.account, f"the host left out block {error.cid}") from error
    except (PailError, RepositoryFault) as error:
        raise BackupRefused(run_.account, str(error)) from error


class _Fetcher:
    """Stages what the host serves, each block hashed as it arrives."""

    def __init__(self, run_: Run, staging: Staging) -> None:
        self._run, self._staging = run_, staging
        self.linking: set[CID] = set()
        """Blocks that may be records which link blobs."""

    async def fetch(self, since: str | None) -> CID:
        """All that came after the revision `since`, or everything; the commit that the host says this is."""
        self._run.progress.phase("Fetching the repository")
        return await self._run.source.retry.run(partial(self._attempt, since))

    async def _attempt(self, since: str | None) -> CID:
        account, reader, count = self._run.account, CarReader(), 0
        async with aclosing(self._run.source.repo(account, since=since)) as chunks:
            async for chunk in chunks:
                blocks = reader.feed(chunk)
                count += len(blocks)
                if count > MAX_BLOCKS:
                    raise BackupRefused(account, f"the host sends more than {MAX_BLOCKS:,} blocks")
                self._staging.put_many(blocks)
                self.linking.update(mentioning(blocks, MARK))
                self._run.progress.advance(len(blocks), len(chunk))
        reader.close()
        roots = reader.roots or ()
        if len(roots) != 1:
            raise BackupRefused(account, f"the host's CAR names {len(roots)} roots instead of one commit")
        return roots[0]


class _Prover:
    """Proves a commit, by difference from the snapshot before where that was proved."""

    def __init__(self, run_: Run, staging: Staging, base: Base, linking: AbstractSet[CID]) -> None:
        """linking: which staged blocks may link blobs."""
        self._run, self._staging, self._base, self._linking = run_, staging, base, linking
        self._blobs: set[CID] = set()

    def try_prove(self, commit: CID) -> Repository | None:
        """As `prove`, or None if a block is nowhere here or damaged, so that it must be fetched."""
        try:
            return self.prove(commit)
        except MissingBlock:
            return None
        except CorruptBlock as loss:  # where one block is damaged others may be: none of them counts now
            self._run.space.doubt(loss)
            return None

    def prove(self, commit: CID) -> Repository:
        """The repository at `commit`. Raises RepositoryFault, MissingBlock, CorruptBlock, StaleHost."""
        self._run.progress.phase("Proving the repository")
        self._blobs.clear()
        if self._base.proved is not None:
            return self._prove_change(commit, self._base.proved)
        return self._prove_whole(commit)

    def _prove_whole(self, commit: CID) -> Repository:
        key = self._run.identity.signing_key
        walk = verify_tree(commit, did=self._run.account, signing_key=key, visit=self._check)
        proof = run(walk, self._staging.get)
        self._check_rev(proof.commit.rev)
        self._drop_surplus(commit, proof.commit.root, 1 + proof.nodes + proof.records)
        return Repository(commit, proof.commit.rev, proof.records, frozenset(self._blobs), True)

    def _prove_change(self, commit: CID, previous: Snapshot) -> Repository:
        walk = verify_change(
            commit,
            previous=previous.backup.repo,
            did=self._run.account,
            signing_key=self._run.identity.signing_key,
            visit_blob=self._note,
        )
        proof = run(walk, self._staging.get)
        self._check_rev(proof.commit.rev)
        gone = run(_old_blobs(proof.changes), self._staging.get)
        if gone - self._blobs:  # does another record still link them? Only all records together can tell
            return self._prove_whole(commit)
        written = sum(change.new is not None for change in proof.changes)
        self._drop_surplus(commit, proof.commit.root, 1 + len(proof.new_nodes) + written)
        records = previous.certificate.records + _growth(proof)
        return Repository(commit, proof.commit.rev, records, frozenset(self._blobs), False)

    def _check(self, entries: list[Entry]) -> None:
        """Know that the records are here, and what they link.

        What was staged was hashed just now, and is read only if it may link blobs; what the space
        had before is read and hashed again.
        """
        staged, linking = self._staging.staged, self._linking
        unread = [entry for entry in entries if entry[1] in linking or entry[1] not in staged]
        for at in range(0, len(unread), MAX_ASK):
            asked = unread[at : at + MAX_ASK]
            check_records(asked, self._staging.get([cid for _, cid in asked]), self._note)

    def _note(self, reference: BlobRef) -> None:
        self._blobs.add(reference.cid)

    def _check_rev(self, rev: str) -> None:
        """An older commit may be as well signed as a newer one: only its rev tells.

        One from the future, recorded, would make every later commit look old.
        """
        previous, at_ms, now_ms = self._base.previous, tid_unix_ms(rev), self._run.now_ms()
        if previous is not None:  # whose moment was later than now if this machine's clock went back
            now_ms = max(now_ms, parse_timestamp(previous.backup.created_at))
        if at_ms > now_ms + MAX_AHEAD_MS:
            why = f"its revision {rev} is dated {format_timestamp(at_ms)}, ahead of this machine's clock"
            raise BackupRefused(self._run.account, why)
        if previous is not None and rev < previous.backup.rev:
            raise StaleHost(self._run.account, rev, previous.backup.rev)

    def _drop_surplus(self, commit: CID, root: CID, proved_blocks: int) -> None:
        """Keep nothing that the host sent besides what the commit reaches: the space is no dump."""
        if self._staging.staged_blocks > proved_blocks:
            self._staging.keep_only(lambda get, put: run(_copy(commit, root, put), get))


def _old_blobs(changes: Sequence[Change]) -> Walk[set[CID]]:
    """The blobs that the records linked which are changed or gone."""
    old = [(change.key, change.old) for change in changes if change.old is not None]
    blobs: set[CID] = set()
    for at in range(0, len(old), MAX_ASK):
        entries = old[at : at + MAX_ASK]
        check_records(entries, (yield [cid for _, cid in entries]), lambda blob: blobs.add(blob.cid))
    return blobs


def _growth(proof: ChangeProof) -> int:
    """How many records the change adds on balance."""
    return sum((change.old is None) - (change.new is None) for change in proof.changes)


def _copy(commit: CID, root: CID, put: Put) -> Walk[None]:
    put([Block(commit, (yield commit))])
    yield from walk_blocks(root, put)
