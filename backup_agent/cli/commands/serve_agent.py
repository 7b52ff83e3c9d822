"""`skypail serve`: the server agent, and what its operator sees of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from backup_agent.cli.commands.schedule_words import one_line
from backup_agent.cli.database_named import NamedDatabase
from backup_agent.cli.output import WHOLE, print_json, print_table, print_text
from backup_agent.cli.service_folder import ServiceFolder
from backup_agent.cli.workbench import settings
from backup_agent.server import account_rows, host_rows, run_rows, worker_rows
from backup_agent.server.account import Account
from backup_agent.server.database import Database, open_database
from backup_agent.server.errors import Misconfigured
from backup_agent.server.limits import Limits
from backup_agent.server.serve import Options
from backup_agent.server.serve import serve as run_server
from backup_agent.server.status import state_of
from backup_agent.server.worker import Settings
from clock_service.answering import Started, print_started
from ucan import is_did

FOLDER = ServiceFolder("server", "agent.db")
"""In the home: the server's key, its caches, and its database unless another is named."""


class Allowed(NamedTuple):
    """What the operator lets users do. folders: below which spaces may be. endpoints: domains where
    buckets may be, besides Amazon's. spaces: whose accounts are backed up; none for anybody's.
    """

    folders: Sequence[Path]
    endpoints: Sequence[str]
    spaces: Sequence[str]


def serve(
    host: str,
    port: int,
    database: str | None,
    workers: int,
    allowed: Allowed,
    limits: Mapping[str, int],
    ping: str | None,
    as_json: bool,
) -> int:
    """Answer and work until asked to stop."""
    chosen, folder = settings(), FOLDER.path()
    work = Settings(
        cache=folder / "cache",
        plc_url=chosen.plc_url,
        allow_private=chosen.allow_private_hosts,
        folders=tuple(each.absolute() for each in allowed.folders),
        endpoints=tuple(each.lower().strip(".") for each in allowed.endpoints),
        spaces=tuple(_checked(each) for each in allowed.spaces),
        limits=Limits(**limits),
    )
    options = Options(folder / "server.key", FOLDER.database(database), work, host, port, workers, ping)
    run_server(options, print_started if as_json else _print_started)
    return WHOLE


def _checked(space: str) -> str:
    if not is_did(space):
        raise Misconfigured(f"{space[:80]!r} is no DID of a space; `skypail clock head --json` says it")
    return space


def _print_started(started: Started) -> None:
    print_text(
        f"Server agent {started.did} at {started.url}", f"skypail schedule ACCOUNT --server {started.url}"
    )


def accounts(database: str | None, limit: int, as_json: bool) -> int:
    """List the accounts: those in trouble first."""
    with _looked_at(database) as (opened, named):
        found = opened.do(lambda session: account_rows.worst(session, limit))
        now_ms = opened.do(opened.now_ms)
    rows = [_account_row(account, now_ms) for account in found]
    return _print("accounts", rows, named, as_json)


def _account_row(account: Account, now_ms: int) -> dict[str, Any]:
    last, good = account.last_run, account.last_good
    return {
        "space": account.space,
        "account": account.did,
        "state": state_of(account, now_ms),
        "host": account.host,
        "next": _moment(account.next_due),
        "last": None if last is None else last.result.value,
        "good": None if good is None else _moment(good.ended),
        "failures": account.failures,
        "reason": account.reason or ("" if last is None else last.reason),
    }


def runs(database: str | None, limit: int, as_json: bool) -> int:
    """List the last runs."""
    with _looked_at(database) as (opened, named):
        found = opened.do(lambda session: run_rows.newest(session, limit))
    rows = [
        {
            "ended": _moment(run.ended),
            "account": run.did,
            "host": run.host,
            "result": run.result,
            "seconds": round((run.ended - run.started) / 1000, 1),
            "bytes": run.bytes,
            "worker": run.worker,
            "reason": run.reason,
        }
        for run in found
    ]
    return _print("runs", rows, named, as_json)


def hosts(database: str | None, limit: int, as_json: bool) -> int:
    """List the hosts."""
    with _looked_at(database) as (opened, named):
        found = opened.do(lambda session: host_rows.all_hosts(session, limit))
    rows = [
        {
            "host": host.name,
            "until": _moment(host.not_before) if host.not_before else None,
            "failures": host.failures,
            "tokens": host.tokens,
            "reason": host.why,
        }
        for host in found
    ]
    return _print("hosts", rows, named, as_json)


def workers(database: str | None, limit: int, as_json: bool) -> int:
    """List the workers."""
    with _looked_at(database) as (opened, named):
        found = opened.do(lambda session: worker_rows.all_workers(session, limit))
    rows = [
        {
            "worker": worker.id,
            "state": "dead" if worker.is_dead else "alive",
            "seen": _moment(worker.seen),
            "started": _moment(worker.started),
            "running": worker.running,
        }
        for worker in found
    ]
    return _print("workers", rows, named, as_json)


def _print(name: str, rows: Sequence[Mapping[str, Any]], named: NamedDatabase, as_json: bool) -> int:
    if as_json:
        print_json({name: rows})
    elif rows:
        cells = [["" if cell is None else one_line(cell) for cell in row.values()] for row in rows]
        print_table([column.upper() for column in rows[0]], cells)
    else:
        print_text(f"No {name} yet in {named.shown}")
    return WHOLE


def _moment(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="seconds")


@contextmanager
def _looked_at(database: str | None) -> Generator[tuple[Database, NamedDatabase]]:
    url = FOLDER.database(database)
    named = NamedDatabase.before_opening(url)
    with closing(open_database(url)) as opened:
        yield opened, named
    named.warn_if_new("skypail serve")
