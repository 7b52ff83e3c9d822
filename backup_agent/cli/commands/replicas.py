"""`skypail space replicate`, `space sync`, `space forget` and `space status`."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from backup_agent.catalogue import entries
from backup_agent.cli.output import (
    FAILED,
    INCOMPLETE,
    WHOLE,
    counted,
    print_error,
    print_json,
    print_table,
    print_text,
    size_text,
)
from backup_agent.cli.replicas import Reached, judge, opened, others_of, reach, spread
from backup_agent.cli.workbench import Workbench, workbench
from backup_agent.place_list import KnownPlace, PlaceList, text_of
from backup_agent.placing import settled
from backup_agent.proof_notes import Note, ProofNotes
from backup_agent.snapshot import format_timestamp
from pail import PailError, run
from space import SpaceError, Where
from space.index import State
from space.proving import Proof, prove

_NOT_WHOLE = (State.DAMAGED, State.NOT_WHOLE)


def replicate(dests: Sequence[Where], at_least: int | None, where: Where | None, as_json: bool) -> int:
    """Bring everything to each of `dests`, and keep those that took it in step from now on."""
    with workbench(where) as bench:
        places, here = PlaceList(bench.home.places, bench.space.did), text_of(_here(bench))
        wanted = [text_of(settled(dest, bench.space.did)) for dest in dests]
        reached = [reach(bench, dest, create=True) for dest in dict.fromkeys(wanted) if dest != here]
        for each in [Reached(here, None), *reached]:
            if each.problem is None:
                known = next(
                    (one for one in places.load() if one.where == each.where), KnownPlace(each.where)
                )
                places.add(known._replace(replica=True, left_for=None))
        if at_least is not None:
            places.set(places.load(), at_least=at_least)
        kept = [place.where for place in places.load() if place.replica]
        least = places.at_least()
    if as_json:
        document = [each.document() for each in reached]
        print_json({"space": bench.space.did, "places": kept, "atLeast": least, "reached": document})
    else:
        print_text("Backups are brought to each of:", *(f"  {place}" for place in kept))
        print_text(f"At least {least} of them must take one")
    for each in reached:
        if each.problem is not None:
            print_error(f"{each.where} was not added: {each.problem}")
    return FAILED if any(each.problem for each in reached) else WHOLE


def sync(where: Where | None, as_json: bool) -> int:
    """Bring what the place has to all others, also to those that were emptied."""
    with workbench(where) as bench:
        reached = spread(bench, create=True)
        judge(bench, reached)
        if as_json:
            print_json({"space": bench.space.did, "places": [each.document() for each in reached]})
        elif not reached:
            print_text("The space lies in one place alone; `skypail space replicate` adds another")
        else:
            print_text(*(f"{each.where} has everything" for each in reached if each.problem is None))
    return INCOMPLETE if any(each.problem for each in reached) else WHOLE


def forget(place: Where, where: Where | None, as_json: bool) -> int:
    """Keep a place in step no more; what it has stays there."""
    with workbench(where) as bench:
        places, gone = PlaceList(bench.home.places, bench.space.did), text_of(settled(place, bench.space.did))
        known = places.load()
        kept = [each._replace(replica=False, left_for=None) if each.where == gone else each for each in known]
        forgotten = kept != known
        if sum(each.replica for each in kept) == 1:
            kept = [each._replace(replica=False) for each in kept]
        places.set(kept)
    if as_json:
        print_json({"place": gone, "forgotten": forgotten})
    else:
        print_text(f"{gone} is not kept in step any more" if forgotten else f"{gone} was not kept in step")
    return WHOLE


def status(count: int, where: Where | None, as_json: bool) -> int:
    """What each place holds, and whether it gives it: `count` random blocks of each are read, none for 0."""
    with workbench(where) as bench:
        bench.look()
        notes = ProofNotes(bench.home.places, bench.space.did)
        with opened(bench, others_of(bench)) as others:
            every: dict[str, Workbench | str] = {text_of(_here(bench)): bench, **others}
            union = {key for each in every.values() if not isinstance(each, str) for key in _snapshots(each)}
            rows = [_row(place, each, union, count, notes) for place, each in every.items()]
    if as_json:
        print_json({"space": bench.space.did, "places": rows})
    else:
        head = ("PLACE", "SHARDS", "SIZE", "SNAPSHOTS", "BEHIND BY", "LAST PROVED")
        print_table(head, [_cells(row) for row in rows])
    for row in rows:
        if row["problem"] is not None:
            print_error(f"{row['place']}: {row['problem']}")
    if any(row["bad"] or row["damaged"] for row in rows):
        return FAILED
    return INCOMPLETE if any(row["problem"] or row["behindBy"] for row in rows) else WHOLE


def _row(
    place: str, bench: Workbench | str, union: set[str], count: int, notes: ProofNotes
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(("shards", "bytes", "snapshots", "behindBy"))
    damaged: list[str] = []
    problem, proof = (bench, None) if isinstance(bench, str) else (None, None)
    if not isinstance(bench, str):
        try:
            bench.space.refresh()
            proof = prove(bench.space, count, random.SystemRandom()) if count else None
            snapshots = _snapshots(bench)
            shards = bench.space.index.shards().values()
            damaged = [shard.entry.name for shard in shards if shard.state in _NOT_WHOLE]
            row |= {
                "shards": len(shards),
                "bytes": sum(shard.entry.size for shard in shards),
                "snapshots": len(snapshots),
                "behindBy": len(union - snapshots),
            }
        except SpaceError as error:
            problem = str(error)
    if proof is not None:
        notes.note(place, Note(format_timestamp(time.time_ns() // 1_000_000), proof.blocks, len(proof.bad)))
        problem = _problem(proof)
    if damaged and problem is None:
        problem = f"{counted(len(damaged), 'shard')} known not to be whole; `skypail check` says what is lost"
    note = notes.load().get(place)
    proved = None if note is None else note._asdict()
    bad = list(proof.bad) if proof else []
    return {"place": place, **row, "proved": proved, "bad": bad, "damaged": damaged, "problem": problem}


def _problem(proof: Proof) -> str | None:
    if not proof.bad:
        return None
    return f"{proof.bad[0]} does not give what it holds; `skypail repair` fetches it from another place"


def _snapshots(bench: Workbench) -> set[str]:
    try:
        found = run(entries(bench.clock.head()), bench.space.get)
        return {f"{entry.account} {entry.timestamp}" for entry in found}
    except (PailError, SpaceError):
        return set()


def _cells(row: dict[str, Any]) -> list[str]:
    proved = row["proved"]
    last = "never" if proved is None else f"{proved['at']}, {proved['blocks']} blocks"
    if row["shards"] is None:
        return [row["place"], "?", "?", "?", "?", last]
    behind = f"{row['behindBy']:,}" if row["behindBy"] else "-"
    return [
        row["place"],
        f"{row['shards']:,}",
        size_text(row["bytes"]),
        f"{row['snapshots']:,}",
        behind,
        last,
    ]


def _here(bench: Workbench) -> Where:
    return settled(bench.where, bench.space.did)
