"""`skypail login` and `skypail logout`."""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import Any

from backup_agent.cli.output import WHOLE, print_json, print_text
from backup_agent.cli.workbench import account_did, resolve, settings, workbench
from backup_agent.home import Home, Settings
from backup_agent.identity import Identity
from backup_agent.net import Http
from backup_agent.sealing import check_recipient
from backup_agent.secret import Secret
from backup_agent.session import login as open_new_session
from backup_agent.session_errors import SessionError
from backup_agent.session_file import forget_session
from space import NoSpace

MAX_PASSWORD_CHARS = 512


def login(account: str, recipients: list[str], as_json: bool) -> int:
    """Ask for the app password and keep the session that it opens."""
    checked = [check_recipient(text) for text in recipients]
    chosen = settings()
    home = Home.open(chosen.home)
    identity = asyncio.run(resolve(chosen, account))
    password = _ask_password(identity)  # not within the event loop, which would swallow Ctrl-C
    asyncio.run(log_in(chosen, home, identity, password))
    files = home.account(identity.did)
    if checked:
        files.set_recipients(checked)
    if as_json:
        print_json(_document(identity, files.recipients()))
    else:
        print_text(
            f"Logged in to {identity.did} at {identity.pds}; backups include its preferences from now on",
            *(f"They are sealed to this agent and to {recipient}" for recipient in files.recipients()),
            "Without this agent's key they do not open: `skypail key --out FILE` writes a copy to keep",
        )
    return WHOLE


def _document(identity: Identity, recipients: list[str]) -> dict[str, Any]:
    return {
        "account": identity.did,
        "handle": identity.handle,
        "host": identity.pds,
        "recipients": recipients,
    }


def logout(account: str, as_json: bool) -> int:
    """Forget the session."""
    chosen = settings()
    did = account if account.startswith("did:") else _did_of(chosen, account)
    forgotten = forget_session(Home(chosen.home).sessions, did)
    if as_json:
        print_json({"account": did, "forgotten": forgotten})
    else:
        print_text(f"Forgot the session of {did}" if forgotten else f"There was no session of {did}")
    return WHOLE


def _did_of(chosen: Settings, handle: str) -> str:
    """As the snapshots in the default space say, else as the network does: leaving needs no network."""
    try:
        with workbench(None, of=chosen) as bench:
            did = account_did(bench, handle)
            assert did is not None
            return did
    except NoSpace:
        return asyncio.run(resolve(chosen, handle)).did


async def log_in(chosen: Settings, home: Home, identity: Identity, password: Secret) -> None:
    """Open a session and keep it. Raises LoginFailed, SessionUnusable, HostError."""
    async with Http(allow_private=chosen.allow_private_hosts) as http:
        await open_new_session(http, identity, password, home.sessions)


def _ask_password(identity: Identity) -> Secret:
    """From the terminal without echo, or the first line of standard input: never the command line (T5)."""
    try:
        if sys.stdin.isatty():
            text = getpass.getpass(f"App password of {identity.handle or identity.did}: ")
        else:
            text = sys.stdin.readline(MAX_PASSWORD_CHARS).rstrip("\r\n")
    except (EOFError, UnicodeDecodeError):
        text = ""
    if not text:
        raise SessionError(
            "no app password was given, so the host was not asked; type it, or pass it on standard input"
        )
    return Secret(text)
