"""`skypail verify`."""

from __future__ import annotations

from typing import Any

from backup_agent.catalogue import Entry, entries, find
from backup_agent.cli.output import (
    FAILED,
    INCOMPLETE,
    WHOLE,
    counted,
    print_error,
    print_json,
    print_text,
    size_text,
)
from backup_agent.cli.progress import Bar
from backup_agent.cli.workbench import Workbench, account_did, workbench
from backup_agent.errors import NoSnapshots
from backup_agent.verify import FileHash, Verification, verify_snapshot
from pail import CID, run
from space import Head, Where


def verify(selector: str | None, account: str | None, where: Where | None, as_json: bool) -> int:
    """Verify one snapshot, or all of them when there is no selector."""
    with workbench(where) as bench:
        head, all_here = bench.look()
        chosen = _chosen(bench, head, selector, account)
        with Bar() as bar:
            results = _results(bench, chosen, bar)
        option = bench.option
    unread = results[-1][1].unread
    code = _exit_code(results) if all_here or selector else FAILED
    if as_json:
        snapshots = [_document(*each) for each in results]
        print_json({"whole": code == WHOLE, "unread": unread, "snapshots": snapshots})
    else:
        print_text(*(line for each in results for line in _lines(*each)))
        if damaged := sum(bool(result.problems) for _, result in results):
            print_text(
                f"{damaged:,} of {counted(len(results), 'snapshot')} damaged. "
                f"`skypail repair{option}` mends what parity or another place of the space has, "
                f"`skypail backup ACCOUNT{option}` fetches what the account's host still has"
            )
    if unread is not None:
        left = len(chosen) - len(results) + 1
        print_error(
            f"{unread}; {left:,} of {counted(len(chosen), 'snapshot')} could not be read to the end, and may "
            "be whole: run this again when the space can be read"
        )
    return code


def _results(bench: Workbench, chosen: list[Entry], bar: Bar) -> list[tuple[Entry, Verification]]:
    """Up to the first that cannot be read: of the others nothing would be known, and each takes long."""
    files: dict[CID, FileHash] = {}
    results: list[tuple[Entry, Verification]] = []
    for entry in chosen:
        results.append((entry, verify_snapshot(entry, bench.space.get, bench.signer, bar, files)))
        if results[-1][1].unread is not None:
            break
    return results


def _chosen(bench: Workbench, head: Head, selector: str | None, account: str | None) -> list[Entry]:
    """Never none: that a space lost all its snapshots must not pass for success."""
    did = account_did(bench, account)
    if selector is not None:
        return [run(find(head, selector, did), bench.space.get)]
    if known := run(entries(head, did), bench.space.get):
        return known
    raise NoSnapshots(did)


def _exit_code(results: list[tuple[Entry, Verification]]) -> int:
    if any(result.problems or result.unread is not None for _, result in results):
        return FAILED
    return INCOMPLETE if any(result.missing for _, result in results) else WHOLE


def _document(entry: Entry, result: Verification) -> dict[str, Any]:
    return {
        "account": entry.account,
        "timestamp": entry.timestamp,
        "backup": str(entry.cid),
        "whole": not result.problems and not result.missing and result.unread is None,
        "records": result.records,
        "blobs": result.blobs,
        "bytes": result.size_bytes,
        "missing": result.missing,
        "problems": list(result.problems),
    }


def _lines(entry: Entry, result: Verification) -> list[str]:
    name = f"{entry.account} {entry.timestamp}"
    if result.problems:
        return [f"DAMAGED {name}", *(f"  {problem}" for problem in result.problems)]
    if result.unread is not None:
        return [f"UNREAD  {name}"]
    counts = (
        f"{result.records:,} records, {result.blobs:,} blobs, {size_text(result.size_bytes)} read and hashed"
    )
    missing = f"; {len(result.missing):,} blobs were missing when it was made" if result.missing else ""
    return [f"{'WHOLE  ' if not result.missing else 'PARTIAL'} {name}: {counts}{missing}"]
