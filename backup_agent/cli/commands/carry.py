"""`skypail space copy` and `space move`."""

from __future__ import annotations

from typing import Any

from backup_agent.cli.carrying import (
    Carried,
    bench_at,
    carry,
    provider_clock,
    provider_url,
    tell,
    tell_provider,
)
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
from backup_agent.cli.remote import Line, clock_list, open_line
from backup_agent.cli.replicas import FAULTS
from backup_agent.cli.workbench import Workbench, workbench
from backup_agent.clock_list import KnownClock
from backup_agent.parity_setting import stored_percent
from backup_agent.place_list import PlaceList, set_default, text_of
from backup_agent.placing import is_default, settled
from pail import PailError
from space import SpaceError, SpaceUnavailable, Where

_BRING = "`skypail space copy {} --space {}` brings what was recorded meanwhile"


def copy(dest: Where, where: Where | None, as_json: bool) -> int:
    """Bring everything to `dest` too; what commands use stays as it is."""
    with workbench(where) as bench, bench_at(bench, _other(bench, dest)) as target:
        carried = carry(bench, target)
        problems = [] if carried.unreadable else tell_provider(target)
    _say(bench, target, carried, as_json, {})
    for problem in problems:
        print_error(problem)
    return FAILED if carried.unreadable else INCOMPLETE if problems else WHOLE


def move(dest: Where, clock_url: str | None, where: Where | None, as_json: bool) -> int:
    """Bring everything to `dest`, then use that. The old place is left as it is."""
    with workbench(where) as bench, bench_at(bench, _other(bench, dest)) as target:
        carried = carry(bench, target)
        problems = [] if carried.unreadable else _move_clocks(bench, target, clock_url)
        moved = not carried.unreadable and not problems
        was_default = is_default(bench.home, bench.where, bench.space.did)
        if moved:
            _switch(bench, target, was_default=was_default)
            problems = _bring_late(bench, target, carried)
        others = sorted(bench.clock.report().agents.keys() - {bench.signer.did}) if moved else []
        notes = _notes(bench, target) if moved else []
    _say(bench, target, carried, as_json, {"moved": moved, "default": moved and was_default})
    if moved and not as_json:
        way = (
            "Commands without --space use it"
            if was_default
            else f"Name it by --space {text_of(target.where)}"
        )
        print_text(f"{way}; {text_of(bench.where)} was left as it is and is not used any more", *notes)
        if others:
            print_text(
                f"{counted(len(others), 'other agent')} wrote there too and go on there: on each of their "
                f"machines, run `skypail space move {text_of(target.where)}` as well"
            )
    for problem in problems:
        print_error(problem)
    if not moved:
        print_error(f"the space was not moved: {text_of(bench.where)} is used as before")
        return FAILED
    return INCOMPLETE if problems else WHOLE


def _notes(bench: Workbench, target: Workbench) -> list[str]:
    """What else is different where the space lies now, a line each."""
    clock, in_use, notes = provider_clock(target), clock_list(bench).load(), list[str]()
    if clock is not None and clock in in_use:
        another = "" if len(in_use) > 1 else ", once `skypail clock use URL` has taken another"
        notes.append(
            "The provider's clock is in use now, too, and one of those in use must take each backup; "
            f"`skypail clock forget {clock.url}` leaves it{another}"
        )
    if not target.space.place.keeps_parity and _wants_parity(bench):
        notes.append(
            "A provider keeps no parity: what the space wants of it is kept by its other places alone"
        )
    return notes


def _other(bench: Workbench, dest: Where) -> Where:
    """Raises SpaceUnavailable for where the space lies already: a move that was killed may have got there."""
    found = settled(dest, bench.space.did)
    if found == _here(bench):
        here = text_of(found)
        left = [each.where for each in PlaceList(bench.home.places, bench.space.did).load() if each.left_for]
        more = "".join(f"; {_BRING.format(here, each)}" for each in left)
        raise SpaceUnavailable(f"the space lies in {here} already{more}")
    return found


def _here(bench: Workbench) -> Where:
    return settled(bench.where, bench.space.did)


def _move_clocks(bench: Workbench, target: Workbench, clock_url: str | None) -> list[str]:
    """Tell the clocks that are used from now on, then use them; what kept them from being told."""
    with open_line(bench.settings) as line:
        wanted = _clocks_after(bench, target, line, clock_url)
        told = [clock for clock in wanted if clock_url is not None or clock == provider_clock(target)]
        problems = [
            trouble.why for clock in told for trouble in tell(target, line, clock).troubles().values()
        ]
    if not problems and wanted != clock_list(bench).load():
        clock_list(bench).set(wanted, at_least=1 if target.is_hosted else None)
    return problems


def _clocks_after(bench: Workbench, target: Workbench, line: Line, clock_url: str | None) -> list[KnownClock]:
    """The clock of the provider that is left is left too; that of a new one is used."""
    if clock_url is not None:
        return [line.find(clock_url, None)]
    left, new = provider_url(bench.where), provider_clock(target)
    kept = [clock for clock in clock_list(bench).load() if clock.url != left]
    return kept if new is None or new in kept else [*kept, new]


def _switch(bench: Workbench, target: Workbench, *, was_default: bool) -> None:
    """The new place is a replica where the old one was, which is noted as left."""
    PlaceList(bench.home.places, bench.space.did).move(text_of(_here(bench)), text_of(target.where))
    if was_default:
        set_default(bench.home, target.where)


def _bring_late(bench: Workbench, target: Workbench, carried: Carried) -> list[str]:
    """Bring what was recorded between the copy and the switch; why some of it was not.

    Who records later reads after that where the space was moved to, and brings it itself.
    """
    try:
        if bench.clock.head() == carried.seen:
            return []
        late = carry(bench, target)
        problems = [f"{name} is not whole" for name in late.unreadable] or tell_provider(target)
    except FAULTS as error:
        problems = [str(error)]
    return [
        f"{problem}; {_BRING.format(text_of(target.where), text_of(bench.where))}" for problem in problems
    ]


def _wants_parity(bench: Workbench) -> bool:
    try:
        return stored_percent(bench.clock.head(), bench.space.get) > 0
    except (PailError, SpaceError):
        return False


def _say(bench: Workbench, target: Workbench, carried: Carried, as_json: bool, more: dict[str, Any]) -> None:
    for name in carried.unreadable:
        print_error(
            f"{name} in {text_of(bench.where)} is not whole and was not brought; `skypail repair` first"
        )
    if as_json:
        print_json(
            {
                "space": bench.space.did,
                "from": text_of(bench.where),
                "to": text_of(target.where),
                "shards": carried.shards,
                "bytes": carried.size_bytes,
                "head": [str(event) for event in carried.head],
                "unreadable": list(carried.unreadable),
                **more,
            }
        )
        return
    print_text(
        f"Brought {counted(carried.shards, 'shard')}, {size_text(carried.size_bytes)}, "
        f"to {text_of(target.where)}, and read each back"
    )
