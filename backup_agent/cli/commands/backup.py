"""`skypail backup`."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any

from backup_agent.cli.describe import counts_line, details, shortcoming_lines
from backup_agent.cli.output import INCOMPLETE, WHOLE, print_json, print_text, size_text
from backup_agent.cli.progress import Bar
from backup_agent.cli.workbench import Workbench, workbench
from backup_agent.errors import NotLoggedIn, SessionError
from backup_agent.identity import Identity, Resolver, parse_account
from backup_agent.net import Http
from backup_agent.progress import Progress
from backup_agent.run import Outcome, Preferences, Run, back_up
from backup_agent.session import Session, open_session
from backup_agent.source import Source


def backup(account: str, folder: Path | None, as_json: bool) -> int:
    """Run one backup and say what came of it."""
    parse_account(account)  # before a space is made for what is no account
    with workbench(folder, create=True) as bench:
        with Bar() as bar:
            identity, outcome = asyncio.run(run_backup(bench, account, bar))
        if as_json:
            print_json(_document(identity, outcome))
        else:
            _print_outcome(bench, identity, outcome)
    return WHOLE if outcome.whole else INCOMPLETE


async def run_backup(bench: Workbench, account: str, progress: Progress) -> tuple[Identity, Outcome]:
    """Resolve the account, then back it up through the ordinary code path."""
    progress.phase("Resolving the account")
    async with Http(allow_private=bench.settings.allow_private_hosts) as http:
        identity = await Resolver(http, plc_url=bench.settings.plc_url).resolve(account)
        session, preferences = _owner(http, identity, bench)
        files = bench.home.account(identity.did)
        run = Run(
            identity=identity,
            source=Source(http, identity.pds, auth=session),
            space=bench.space,
            clock=bench.clock,
            signer=bench.signer,
            now_ms=lambda: time.time_ns() // 1_000_000,
            journal=files.journal,
            sealed_note=files.sealed_note,
            preferences=preferences,
            recipients=files.recipients(),
            progress=progress,
        )
        return identity, await back_up(run)


def _owner(http: Http, identity: Identity, bench: Workbench) -> tuple[Session | None, Preferences | None]:
    """The owner's session and how to ask for preferences with it.

    A session that ended is no reason not to back up what is public: the snapshot then says so.
    """
    try:
        session = open_session(http, identity, bench.home.sessions)
    except NotLoggedIn:
        return None, None
    except SessionError as error:
        return None, partial(_refuse, error)
    return session, session.get_preferences


async def _refuse(error: SessionError) -> bytes:
    raise error


def _document(identity: Identity, outcome: Outcome) -> dict[str, Any]:
    return {
        "account": identity.did,
        "handle": identity.handle,
        "host": identity.pds,
        "recorded": outcome.recorded,
        "whole": outcome.whole,
        "writtenBytes": outcome.written_bytes,
        "snapshot": details(outcome.snapshot),
    }


def _print_outcome(bench: Workbench, identity: Identity, outcome: Outcome) -> None:
    name = f"{identity.handle} ({identity.did})" if identity.handle else identity.did
    stamp = outcome.snapshot.backup.created_at
    print_text(f"{name} at {identity.pds}")
    if outcome.recorded:
        print_text(f"Recorded {stamp}, {size_text(outcome.written_bytes)} new in {bench.folder}")
    else:
        print_text(f"Nothing has changed since {stamp}; nothing was recorded")
        if outcome.written_bytes:
            print_text(
                f"What was damaged in {bench.folder} is whole again: {size_text(outcome.written_bytes)}"
            )
    print_text(f"Proved: {counts_line(outcome.snapshot)}", *shortcoming_lines(outcome.snapshot))
    if outcome.missing:
        print_text("What is missing is asked for again by the next backup.")
