"""`skypail space parity`, and keeping up what it says."""

from __future__ import annotations

from backup_agent.cli.output import WHOLE, counted, print_error, print_json, print_text, size_text
from backup_agent.cli.workbench import Workbench, workbench
from backup_agent.parity_setting import set_percent, stored_percent
from pail import PailError
from space import SpaceError
from space.opening import Where
from space.parity_keeping import cover, otherwise_covered


def parity(percent: int | None, where: Where | None, as_json: bool) -> int:
    """Set how much parity there is to be, and write what is missing."""
    with workbench(where) as bench:
        if percent is not None:
            update, block = set_percent(bench.clock.head(), percent, bench.space.get)
            if update.event is not None:
                bench.clock.advance(update.event.cid, [block, *update.additions, update.event])
        wanted = stored_percent(bench.clock.head(), bench.space.get)
        shards, size_bytes = cover(bench.space, wanted) if wanted else (0, 0)
        older = otherwise_covered(bench.space, wanted) if wanted else 0
        is_kept = bench.space.place.keeps_parity
    if as_json:
        document = {"percent": wanted, "shards": shards, "writtenBytes": size_bytes, "keptHere": is_kept}
        print_json(document | ({"otherPercent": older} if older else {}))
    elif wanted and not is_kept:
        print_text(f"Parity of {wanted} % is wanted, but a provider keeps none: other places of the space do")
    elif wanted:
        print_text(f"Parity of {wanted} %: wrote {size_text(size_bytes)} for {counted(shards, 'shard')}")
        if older:
            print_text(
                f"{counted(older, 'shard')} {'has' if older == 1 else 'have'} parity of another percentage, "
                "which stays as it is: the new one is for what is written from now on"
            )
    else:
        print_text("No parity is written; `skypail space parity 10` begins")
    return WHOLE


def cover_shards(bench: Workbench) -> None:
    """Write what parity is missing, if the space wants any. It can wait, so what fails is a warning."""
    try:
        wanted = stored_percent(bench.clock.known(), bench.space.get)
        if wanted:
            cover(bench.space, wanted)
    except (PailError, SpaceError) as error:
        print_error(f"parity is not complete: {error}; the next run goes on")
