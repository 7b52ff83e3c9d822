"""Several places of one space: what one has is brought to the others, and fetched back from them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from backup_agent.cli.carrying import bench_at, carry, tell_provider
from backup_agent.cli.commands.parity import cover_shards
from backup_agent.cli.output import print_error
from backup_agent.cli.workbench import Workbench
from backup_agent.errors import AgentError
from backup_agent.place_list import KnownPlace, PlaceList, text_of
from backup_agent.placing import settled
from backup_agent.prune.prune import Job, clear_behind
from clock_service.errors import ClockServiceError
from space import SpaceError
from space.clearing import Cleared
from space.mending import mend
from space.opening import parse_where

_MISSING = "{} blocks that its snapshots need are not there; run `skypail repair --space {}`"

FAULTS = (SpaceError, AgentError, ClockServiceError, OSError)
"""What may be wrong with one place while the others are well."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of bringing everything to one place. problem: why it is behind, None if it is not."""

    where: str
    problem: str | None

    def document(self) -> dict[str, Any]:
        return {"place": self.where, "ok": self.problem is None, "problem": self.problem}


def others_of(bench: Workbench) -> list[KnownPlace]:
    """The places that are kept in step with that of `bench`."""
    here = text_of(settled(bench.where, bench.space.did))
    return PlaceList(bench.home.places, bench.space.did).others(here)


def spread(bench: Workbench, *, create: bool = False) -> list[Reached]:
    """Bring what `bench` has to all others. create: also where the place is empty now."""
    return [reach(bench, place.where, create=create) for place in others_of(bench)]


def reach(bench: Workbench, where: str, *, create: bool) -> Reached:
    """Bring what `bench` has to the place at `where`."""
    try:
        with bench_at(bench, parse_where(where), create=create) as target:
            return Reached(where, _bring(bench, target))
    except FAULTS as error:
        return Reached(where, str(error))


def _bring(bench: Workbench, target: Workbench) -> str | None:
    """Have `target` hold what `bench` holds; why it does not."""
    carried = carry(bench, target)
    problems = [f"{name} is not whole here" for name in carried.unreadable] or tell_provider(target)
    return problems[0] if problems else None


def prune_others(bench: Workbench, *, now: bool) -> Generator[tuple[Reached, Cleared]]:
    """Bring a prune to every other place, and clear each of what nothing reaches there."""
    for place in others_of(bench):
        cleared, problem = Cleared(), None
        try:
            with bench_at(bench, parse_where(place.where), create=False) as target:
                problem = _bring(bench, target) or next(iter(_unasked(target)), None)
                if problem is None:
                    job = Job(target.space, target.clock, target.clock, target.signer)
                    cleared, missing = clear_behind(job, now=now)
                    cover_shards(target)
                    problem = _MISSING.format(len(missing), place.where) if missing else None
        except FAULTS as error:
            problem = str(error)
        yield Reached(place.where, problem), cleared


def _unasked(target: Workbench) -> Sequence[str]:
    """Why clocks that keep the heads of a place did not tell them."""
    if not target.is_hosted:
        return ()
    from backup_agent.cli.pulling import pull

    return pull(target)


def judge(bench: Workbench, reached: Sequence[Reached]) -> bool:
    """Whether enough places have what was recorded; what is behind is said on standard error."""
    for each in reached:
        if each.problem is not None:
            print_error(
                f"{each.where} is behind: {each.problem}; the next backup or `skypail space sync` catches up"
            )
    took = 1 + sum(each.problem is None for each in reached)
    wanted = PlaceList(bench.home.places, bench.space.did).at_least()
    if took < wanted:
        print_error(f"{took} of the space's places took it, and {wanted} are wanted")
    return took >= wanted


def mend_from_others(bench: Workbench) -> int:
    """Fetch what is damaged or missing at the place of `bench` from the others; how many blocks that was."""
    others = others_of(bench)
    if not others:
        return 0
    fetched = 0
    for place in others:
        report = bench.space.check()
        if not any(damage.lost for damage in report.damages):
            break
        try:
            with bench_at(bench, parse_where(place.where), create=False) as other:
                fetched += mend(bench.space, other.space, report.damages)
        except FAULTS as error:
            print_error(f"nothing could be fetched from {place.where}: {error}")
    return fetched


@contextmanager
def opened(bench: Workbench, places: Sequence[KnownPlace]) -> Generator[dict[str, Workbench | str]]:
    """Each place opened, or why it cannot be."""
    with ExitStack() as stack:
        found: dict[str, Workbench | str] = {}
        for place in places:
            try:
                there = bench_at(bench, parse_where(place.where), create=False)
                found[place.where] = stack.enter_context(there)
            except FAULTS as error:
                found[place.where] = str(error)
        yield found
