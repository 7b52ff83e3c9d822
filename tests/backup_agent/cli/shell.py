"""A user at the command line: every command runs in this process, on a home of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backup_agent.catalogue import find, read_snapshot
from backup_agent.cli.app import app
from backup_agent.cli.failure import run_app
from backup_agent.home import Home
from backup_agent.run.staging import Staging
from backup_agent.snapshot import encode_backup, issue_certificate, snapshot_key
from pail import CID, crdt, decode_dag_cbor, encode_block, run
from space import FolderClock, open_folder

COMMAND = Path(sys.executable).with_name("skypail")
STRANGER = "did:plc:" + "a" * 24
A_EVENT = 5


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What was printed, which must be one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(slots=True)
class Shell:
    home: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    environ: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Said:
        """What `skypail ARGUMENTS…` says."""
        for name, value in self.environment.items():
            self.monkeypatch.setenv(name, value)
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self.capsys.readouterr()
        code = run_app(app, [str(argument) for argument in arguments])
        said = self.capsys.readouterr()
        return Said(code, said.out, said.err)

    def process(self, *arguments: str | Path, stdin: str = "") -> Said:
        """The same as a process of its own."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=dict(os.environ) | dict(self.environment),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> Mapping[str, str]:
        return {"SKYPAIL_HOME": str(self.home), **self.environ}

    @property
    def files(self) -> dict[str, bytes]:
        """Every file of the home, by its relative name."""
        found = (path for path in self.home.rglob("*") if path.is_file())
        return {str(path.relative_to(self.home)): path.read_bytes() for path in found}


def add_stranger(home: Path) -> None:
    """A snapshot of another account, STRANGER, beside the latest one and made at the same time."""
    add_snapshot(home, account=STRANGER)


def add_snapshot(home: Path, *, account: str = "", created_at: str = "", signed: bool = True) -> None:
    """The latest snapshot again, of another account or time, or one that its agent never signed."""
    add_snapshots(home, [created_at], account=account, signed=signed)


def add_snapshots(home: Path, times: Sequence[str], *, account: str = "", signed: bool = True) -> None:
    """As `add_snapshot`, for each of `times`, all in one shard and A_EVENT to an event."""
    signer = Home.open(home).agent()
    with open_folder(home / "space", cache=home / "cache") as space, Staging(space) as staging:
        clock = FolderClock(space, signer)
        head = clock.head()
        known = run(read_snapshot(run(find(head, "latest"), space.get).cid), space.get)
        puts: list[tuple[str, CID]] = []
        for created_at in times:
            backup = replace(
                known.backup,
                account=account or known.backup.account,
                created_at=created_at or known.backup.created_at,
            )
            certificate = issue_certificate(replace(known.certificate, subject=backup.subject()), signer)
            if not signed:
                fields = decode_dag_cbor(certificate.data)
                assert isinstance(fields, dict)
                certificate = encode_block(fields | {"sig": signer.sign(b"something else")})
            block = encode_backup(backup, certificate.cid)
            puts.append((snapshot_key(backup.account, backup.created_at), block.cid))
            staging.put_many([certificate, block])
        for at in range(0, len(puts), A_EVENT):
            part = puts[at : at + A_EVENT]
            put = crdt.put(head, *part[0]) if len(part) == 1 else crdt.batch(head, part)
            update = run(put, staging.get)
            assert update.event
            staging.put_many([*update.additions, update.event])
            head = update.head
        staging.flush()
        for event in head:
            clock.advance(event)


def damage(home: Path, what: bytes | None = None) -> None:
    """Flip a bit in the largest shard: where `what` is, else in its middle, in the largest blob."""
    shard = max((home / "space/shards").glob("*.car"), key=lambda path: path.stat().st_size)
    content = bytearray(shard.read_bytes())
    content[content.index(what) if what else len(content) // 2] ^= 1
    shard.write_bytes(content)
