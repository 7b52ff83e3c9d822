"""`skypail space recover`: a space from nothing but its shards and its key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from backup_agent.catalogue import Entry, entries
from backup_agent.cli.commands.space import counted
from backup_agent.cli.output import FAILED, WHOLE, print_json, print_text
from backup_agent.cli.workbench import Workbench, workbench
from backup_agent.errors import PruneRefused, SpaceKeyUnknown, SpaceUnclear
from backup_agent.home import Home
from backup_agent.prune.reach import Reach
from backup_agent.snapshot import snapshot_key
from pail import run
from space.opening import Where


def recover(did: str | None, where: Where | None, as_json: bool) -> int:
    """Rebuild the index, find the events, write the head anew, say what is lost."""
    with workbench(where, remake=True, new_did=partial(_known_key, did)) as bench:
        bench.space.repair()
        found = bench.clock.recover()
        for event in bench.clock.head():  # a head object that was lost is written anew
            bench.clock.advance(event)
        head, all_heads = bench.look()
        known = run(entries(head), bench.space.get)
        lost, missing = _losses(bench, known)
        has_key = bench.home.space_signer(bench.space.did) is not None
        document: dict[str, Any] = {
            "space": bench.space.did,
            "keyHere": has_key,
            "recoveredEvents": len(found),
            "snapshots": dict(Counter(entry.account for entry in known)),
            "lost": lost,
            "missingBlocks": missing,
        }
    whole = all_heads and not lost and not missing
    if as_json:
        print_json({"whole": whole} | document)
    else:
        print_text(*_lines(document, whole))
    return WHOLE if whole else FAILED


def _known_key(did: str | None, home: Home) -> str:
    """The DID for a space whose file is lost: `did`, or that of the only key that is here."""
    keys = home.space_keys()
    if did is not None:
        if did not in keys:
            raise SpaceKeyUnknown(did)
        return did
    if len(keys) != 1:
        raise SpaceUnclear(keys)
    return keys[0]


def _losses(bench: Workbench, known: Sequence[Entry]) -> tuple[list[dict[str, str]], int]:
    """Snapshots of which parts cannot even be found, with the reason; and how many other blocks are gone."""
    reach, lost, live = Reach(bench.space.get, bench.space.has), list[dict[str, str]](), set[bytes]()
    for entry in known:
        try:
            reach.keep_values([(snapshot_key(entry.account, entry.timestamp), entry.cid)])
        except PruneRefused as error:
            lost.append(
                {"account": entry.account, "timestamp": entry.timestamp, "problem": str(error.__cause__)}
            )
            live |= reach.live
            reach = Reach(bench.space.get, bench.space.has)  # others may need the same block, and must say so
    live |= reach.live
    return lost, len(live - bench.space.index.find(live, doomed=True).keys())


def _lines(document: dict[str, Any], whole: bool) -> list[str]:
    lines = [f"The space {document['space']} is back"]
    lines += [
        f"{counted(count, 'snapshot')} of {account}" for account, count in document["snapshots"].items()
    ]
    if document["recoveredEvents"]:
        lines.append(f"{counted(document['recoveredEvents'], 'event')} had no head, and has one now")
    lines += [
        f"lost: {each['timestamp']} of {each['account']}: {each['problem']}" for each in document["lost"]
    ]
    if document["missingBlocks"]:
        lines.append(
            f"lost: {counted(document['missingBlocks'], 'block')}; `skypail verify --all` says of what"
        )
    if not document["keyHere"]:
        lines.append("Its key is not here: `skypail space key import` takes it")
    lines.append(
        "Next: `skypail verify --all` reads everything again; `skypail backup ACCOUNT` goes on, and fetches "
        "again what the host still has"
    )
    return lines if whole else [*lines, "NOT WHOLE: what is named above could not be found here."]
