"""`skypail check` and `skypail repair`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import typer

from backup_agent.cli.commands.parity import cover_shards
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
from backup_agent.cli.workbench import workbench
from space import Damage, SpaceReport, Where
from space.layout import INDEX_SUFFIX
from space.sample import Sample, every, parse_sample

_MAY_GO = "it may be deleted, unless it is whole on another machine or in a copy of the folder"


def check(where: Where | None, quick: bool, read_data: bool, subset: str | None, as_json: bool) -> int:
    """Name what is damaged."""
    of = _sample(quick, read_data, subset)
    with workbench(where) as bench:
        reads = bench.space.place.is_near if of is None else True
        report = bench.space.check(read_data=reads and not quick, of=of or every)
        head, heads_whole = bench.look()
        lost = bench.clock.unreached() if head and reads and not quick and subset is None else []
        option = bench.option
    if lost:
        print_error(
            f"the shards hold {counted(len(lost), 'event')} that no head reaches, as when a backup was "
            f"interrupted or heads were lost; `skypail repair{option}` takes them in"
        )
    sound = heads_whole and not lost and not report.damages
    return _say(report, as_json, "Checked", sound, option)


def _sample(quick: bool, read_data: bool, subset: str | None) -> Sample | None:
    """Which shards are read, None if nobody said. Raises BadParameter."""
    if quick + read_data + (subset is not None) > 1:
        raise typer.BadParameter("--quick, --read-data and --read-data-subset exclude each other")
    if subset is None:
        return every if read_data else None
    try:
        return parse_sample(subset)
    except ValueError as error:
        raise typer.BadParameter(f"--read-data-subset: {error}") from error


def repair(where: Where | None, as_json: bool) -> int:
    """Rebuild the index, save what can be saved."""
    from backup_agent.cli.carrying import tell_all
    from backup_agent.cli.pulling import pull
    from backup_agent.cli.replicas import mend_from_others

    with workbench(where, remake=True) as bench:
        fetched = mend_from_others(bench)
        report = bench.space.repair()
        found = bench.clock.recover()
        if bench.unasked:  # what services name may have come back
            bench = replace(bench, unasked=pull(bench))
        for event in bench.clock.head():  # a head object that was lost is written anew
            bench.clock.advance(event)
        untold = tell_all(bench) if found or bench.is_hosted else []
        _, heads_whole = bench.look()
        cover_shards(bench)
        option = bench.option
    if fetched:
        print_error(f"fetched {counted(fetched, 'block')} from another place")
    if found:
        print_error(f"recovered {counted(len(found), 'event')} that no head reached")
    for why in untold:
        print_error(f"{why}; `skypail clock sync{option}` tries again")
    code = _say(report, as_json, "Repaired", heads_whole, option)
    return INCOMPLETE if code == WHOLE and untold else code


def _say(report: SpaceReport, as_json: bool, done: str, sound: bool, option: str) -> int:
    """sound: whether all else than lost blocks is in order; what is not was named on standard error.

    option: what names the place.
    """
    whole = report.whole and sound
    if as_json:
        print_json({"whole": whole} | _document(report))
    else:
        print_text(*_lines(report, done, option))
        print_text(_whole(report, option) if whole else _advice(report, done, option))
    return WHOLE if whole else FAILED


def _document(report: SpaceReport) -> dict[str, Any]:
    return {
        "shards": report.shards,
        "blocks": report.blocks,
        "bytes": report.size_bytes,
        "damages": [_place(damage) for damage in report.damages],
        "mended": [_place(damage) for damage in report.mended],
        "incomplete": list(report.incomplete),
        "foreign": list(report.foreign),
        "unindexed": list(report.unindexed),
        "settled": list(report.settled),
        "givenUp": report.given_up,
        "believed": report.believed,
    }


def _place(damage: Damage) -> dict[str, Any]:
    return {
        "shard": damage.shard,
        "block": None if damage.cid is None else str(damage.cid),
        "offset": damage.offset,
        "cause": damage.cause,
        "lost": damage.lost,
    }


def _lines(report: SpaceReport, done: str, option: str) -> list[str]:
    lines = [
        f"{done}: {counted(report.blocks, 'good block')}; "
        f"{counted(report.shards, 'whole shard')}, {size_text(report.size_bytes)}"
    ]
    lines += map(_mended_line, report.mended)
    lines += map(_damage_line, report.damages)
    if report.believed:
        lines.append(
            f"{counted(report.believed, 'shard')} of them {'was' if report.believed == 1 else 'were'} never "
            f"read on this machine; `skypail check --read-data{option}` downloads and proves them"
        )
    lines += [f"damaged, nothing in it is needed any more: {name}; {_MAY_GO}" for name in report.settled]
    lines += [f"not here in full yet: {name}" for name in report.incomplete]
    lines += [f"none of ours, left alone: {name}" for name in report.foreign]
    lines += [f"without its index file (`skypail repair` writes it): {name}" for name in report.unindexed]
    if any(damage.lost for damage in report.damages):
        lines.append("What is lost is fetched again by the next backup, if the account's host still has it.")
    return lines


def _mended_line(damage: Damage) -> str:
    fate = "it is written anew" if damage.shard.endswith(INDEX_SUFFIX) else "its blocks are in a whole shard"
    return f"mended: {_what(damage)}; {fate}"


def _what(damage: Damage) -> str:
    place = f" at byte {damage.offset}" if damage.cid or damage.offset else ""
    block = f" block {damage.cid}:" if damage.cid else ""
    return f"{damage.shard}{place}:{block} {damage.cause}"


def _damage_line(damage: Damage) -> str:
    if damage.shard.endswith(INDEX_SUFFIX):
        fate = "`skypail repair` writes it anew"
    else:
        fate = "no other copy is here" if damage.lost else "no block is lost by it"
    return f"damaged: {_what(damage)}; {fate}"


def _whole(report: SpaceReport, option: str) -> str:
    """Of shards alone: a shard that is gone is known to be only where this machine knew it."""
    if not report.shards:
        return f"Whole, but nothing is in it; `skypail backup ACCOUNT{option}` begins."
    return f"Whole: every shard that is here. `skypail verify --all{option}` tells if every snapshot is."


def _advice(report: SpaceReport, done: str, option: str) -> str:
    backup, verify = f"`skypail backup ACCOUNT{option}`", f"`skypail verify --all{option}`"
    if report.given_up:
        return (
            f"Given up: {counted(report.given_up, 'block')} that no shard here holds. Run {backup}; old "
            f"snapshots that need them are named by {verify}."
        )
    if not report.whole:
        return f"DAMAGED: run `skypail repair{option}`, then {backup}."
    if done == "Repaired":
        return f"NOT WHOLE: the shards are, and what is named above is not. {verify} tells what can be read."
    return f"NOT WHOLE: no block is lost; `skypail repair{option}` mends what is named above."
