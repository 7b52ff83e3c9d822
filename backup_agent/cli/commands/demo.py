"""`skypail demo`: the whole life of a backup, on a recorded account and a host on this machine.

Everything goes through the ordinary code path: only the settings differ, which name the demo's
host as the PLC directory and allow connections to loopback.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup_agent.catalogue import Snapshot, entries
from backup_agent.cli.commands.backup import run_backup
from backup_agent.cli.commands.login import log_in
from backup_agent.cli.describe import counts_line, summary
from backup_agent.cli.output import FAILED, WHOLE, print_json, print_text, size_text
from backup_agent.cli.workbench import Workbench, resolve, workbench
from backup_agent.compare import compare
from backup_agent.demo.host import DemoHost
from backup_agent.demo.serve import run_host
from backup_agent.home import Settings
from backup_agent.progress import Unwatched
from backup_agent.restore import restore
from backup_agent.run import Outcome
from backup_agent.secret import Secret
from backup_agent.verify import verify_snapshot
from pail import Block, run
from pail.car import CarReader


def demo(as_json: bool) -> int:
    """Run the demonstration in a new folder, which is left for looking at."""
    folder = Path(tempfile.mkdtemp(prefix="skypail-demo-"))
    say = _Narrator(quiet=as_json)
    with run_host() as host:
        settings = Settings(home=folder / "home", plc_url=host.url, allow_private_hosts=True)
        with workbench(folder / "space", create=True, of=settings) as bench:
            story = _Story(host, bench, folder, say)
            document = story.tell()
    if as_json:
        print_json(document)
    return WHOLE if document["whole"] else FAILED


@dataclass(frozen=True, slots=True)
class _Narrator:
    quiet: bool

    def __call__(self, *lines: str) -> None:
        if not self.quiet:
            print_text(*lines)


@dataclass(frozen=True, slots=True)
class _Story:
    host: DemoHost
    bench: Workbench
    folder: Path
    say: _Narrator

    def tell(self) -> dict[str, Any]:
        did, started = self.host.recording.did, time.monotonic()
        self.say(f"A host on this machine serves a recorded account: {self.host.url}", "")
        identity = asyncio.run(resolve(self.bench.settings, did))
        password = Secret(self.host.recording.password)
        asyncio.run(log_in(self.bench.settings, self.bench.home, identity, password))
        first = self._back_up("1. Backed up, everything")
        self.host.publish_next_post()
        second = self._back_up("2. A new post, backed up again")
        third = self._back_up("3. Nothing new")
        difference = compare(first.snapshot, second.snapshot, self.bench.space.get)
        added = [path for path, _ in difference.added]
        self.say(f"   What changed from 1 to 2: added {', '.join(added)}")
        problems = self._verify()
        restored = self._restore(second.snapshot)
        problems += [] if restored else ["what was restored is not what the host serves"]
        whole = not problems and first.recorded and second.recorded and not third.recorded
        self._close(whole, time.monotonic() - started)
        return {
            "whole": whole,
            "folder": str(self.folder),
            "snapshots": [summary(each.snapshot, self.bench.space.get) for each in (first, second)],
            "writtenBytes": [first.written_bytes, second.written_bytes, third.written_bytes],
            "added": added,
            "problems": problems,
        }

    def _back_up(self, title: str) -> Outcome:
        _, outcome = asyncio.run(run_backup(self.bench, self.host.recording.did, Unwatched()))
        new = (
            f"{size_text(outcome.written_bytes)} new"
            if outcome.recorded
            else "no snapshot, one request to the host"
        )
        self.say(f"{title}: {counts_line(outcome.snapshot)}; {new}")
        return outcome

    def _verify(self) -> list[str]:
        known = run(entries(self.bench.clock.head()), self.bench.space.get)
        results = [
            verify_snapshot(each, self.bench.space.get, self.bench.signer, Unwatched()) for each in known
        ]
        read_bytes = sum(result.size_bytes for result in results)
        unread = [result.unread for result in results if result.unread is not None]
        problems = [*unread, *(problem for result in results for problem in result.problems)]
        verdict = "all whole" if not problems else f"{len(problems)} PROBLEMS"
        self.say(
            f"4. Verified {len(known)} snapshots, {size_text(read_bytes)} read and hashed again: {verdict}"
        )
        return problems

    def _restore(self, snapshot: Snapshot) -> bool:
        to = self.folder / "restored"
        restore(snapshot, self.bench.space.get, self.bench.signer, to, Unwatched())
        recording = self.host.recording
        same_blocks = _blocks((to / "repo.car").read_bytes()) == _blocks(recording.second.car)
        blobs = {path.name: path.read_bytes() for path in (to / "blobs").iterdir()}
        same_blobs = blobs == {cid: recording.blob(cid) for cid in recording.blobs}
        same_preferences = (to / "preferences.json").read_bytes() == recording.preferences
        same = same_blocks and same_blobs and same_preferences
        verdict = "byte for byte what the host serves" if same else "NOT what the host serves"
        self.say(f"5. Restored to {to}, compared: {verdict}")
        return same

    def _close(self, whole: bool, elapsed_s: float) -> None:
        me = "skypail" if shutil.which("skypail") else sys.argv[0]
        self.say(
            "",
            f"{'All is well' if whole else 'Something is wrong'} ({elapsed_s:.1f} s).",
            f"Everything is in {self.folder}; delete it when you like.",
            "",
            "With your own account:",
            f"    {me} backup alice.example.com    # nothing to configure; as often as you like",
            f"    {me} login alice.example.com     # to include your preferences: asks for an app password",
            f"    {me} verify",
            f"    {me} restore latest --to my-account",
        )


def _blocks(car: bytes) -> set[Block]:
    reader = CarReader()
    blocks = set(reader.feed(car))
    reader.close()
    return blocks
