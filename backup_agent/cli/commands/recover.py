"""`skypail space recover`: a space from nothing but its shards and its key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from backup_agent.catalogue import Entry, entries
from backup_agent.cli.output import FAILED, INCOMPLETE, WHOLE, counted, print_error, print_json, print_text
from backup_agent.cli.workbench import Workbench, workbench
from backup_agent.errors import PruneRefused, SpaceKeyUnknown, SpaceUnclear
from backup_agent.home import Home
from backup_agent.place_list import text_of
from backup_agent.prune.reach import Reach
from backup_agent.snapshot import snapshot_key
from pail import run
from space.layout import HEAD_SUFFIX, HEADS, did_key_part
from space.opening import Where


def recover(did: str | None, where: Where | None, as_json: bool) -> int:
    """Rebuild the index, find the events, write the head anew, give it to the clocks, say what is lost."""
    from backup_agent.cli.carrying import tell_all

    with workbench(where, remake=True, new_did=partial(_known_key, did)) as bench:
        bench.space.repair()
        found = bench.clock.recover()
        for event in bench.clock.head():  # a head object that was lost is written anew
            bench.clock.advance(event)
        untold = tell_all(bench)
        head, all_heads = bench.look()
        known = run(entries(head), bench.space.get)
        lost, missing = _losses(bench, known)
        document: dict[str, Any] = {
            "space": bench.space.did,
            "place": text_of(bench.where),
            "keyHere": bench.home.space_signer(bench.space.did) is not None,
            "recoveredEvents": len(found),
            "snapshots": dict(Counter(entry.account for entry in known)),
            "lost": lost,
            "missingBlocks": missing,
            "unreadableHeads": _unreadable_heads(bench),
        }
        option = bench.option
    whole = all_heads and not lost and not missing
    if as_json:
        print_json({"whole": whole, "untold": untold} | document)
    else:
        print_text(*_lines(document, whole, option))
    for why in untold:
        print_error(f"{why}; what was found is not known there: `skypail clock sync{option}` tries again")
    return FAILED if not whole else INCOMPLETE if untold else WHOLE


def _unreadable_heads(bench: Workbench) -> list[str]:
    """Files with the heads of agents whose newest events are nowhere here."""
    report = bench.clock.report()
    return sorted(
        f"{HEADS}/{did_key_part(agent)}{HEAD_SUFFIX}"
        for agent, head in report.agents.items()
        if not report.pending.keys().isdisjoint(head)
    )


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


def _lines(document: dict[str, Any], whole: bool, option: str) -> list[str]:
    is_any = bool(document["snapshots"])
    state = "not whole" if not whole else "back" if is_any else "empty"
    lines = [f"The space {document['space']} is {state} in {document['place']}"]
    lines += [
        f"{counted(count, 'snapshot')} of {account}" for account, count in document["snapshots"].items()
    ] or ["no snapshot could be found"]
    if document["recoveredEvents"]:
        lines.append(f"{counted(document['recoveredEvents'], 'event')} had no head, and has one now")
    lines += [
        f"lost: {each['timestamp']} of {each['account']}: {each['problem']}" for each in document["lost"]
    ]
    if document["missingBlocks"]:
        missing = counted(document["missingBlocks"], "block")
        lines.append(f"lost: {missing}; `skypail verify --all{option}` says of what")
    lines += [
        f"lost: the newest snapshots that {name} names. If no other copy of the space has them, remove that "
        "file by hand and run this again: all else stays"
        for name in document["unreadableHeads"]
    ]
    if not whole:
        lines.append(
            "NOT WHOLE: what is named above is not here. If another place or disk has a copy of the shards, "
            "bring them here and run this again"
        )
    if not document["keyHere"]:
        lines.append("Its key is not here: `skypail space key import` takes it")
    verify = f"`skypail verify --all{option}` reads everything again; " if is_any else ""
    return [
        *lines,
        f"Next: {verify}`skypail backup ACCOUNT{option}` goes on, and fetches again what the host still has",
    ]
