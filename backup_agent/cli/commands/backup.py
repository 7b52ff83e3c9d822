"""`skypail backup`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from backup_agent.cli.commands.parity import cover_shards
from backup_agent.cli.describe import counts_line, details, shortcoming_lines
from backup_agent.cli.output import INCOMPLETE, WHOLE, counted, print_error, print_json, print_text, size_text
from backup_agent.cli.progress import Bar
from backup_agent.cli.workbench import Workbench, resolve, settings, workbench
from backup_agent.clock_list import ClockList, plain_url
from backup_agent.home import Home
from backup_agent.identity import Identity, Resolver, parse_account
from backup_agent.net import Http
from backup_agent.place_list import PlaceList, text_of
from backup_agent.placing import settled
from backup_agent.progress import Progress
from backup_agent.run import Outcome, Preferences, Run, back_up
from backup_agent.scheduled import ScheduledList
from backup_agent.session import Session, open_session
from backup_agent.session_errors import NotLoggedIn, SessionError
from backup_agent.source import Source
from space import Clock, Where

if TYPE_CHECKING:
    from backup_agent.cli.remote import Clocks
    from backup_agent.cli.replicas import Reached


def backup(account: str, where: Where | None, as_json: bool, urls: list[str]) -> int:
    """Run one backup and say what came of it. urls: of clock services that must record it too."""
    parse_account(account)  # before a space is made for what is no account
    urls = [plain_url(url) for url in urls]
    new_did = partial(_new_space, account)
    with workbench(where, create=True, new_did=new_did) as bench, _clocks(bench, urls) as clocks:
        if bench.is_new_space and not as_json:  # said first: the run may fail, and the space stays
            print_text(*bench.new_space_lines)
        with Bar() as bar:
            identity, outcome = asyncio.run(
                run_backup(bench, account, bar, clocks.several if clocks else None)
            )
        reached, is_spread = _spread(bench)
        followed = _follow(bench)
        is_recorded = not clocks or _is_recorded(bench, clocks, urls)
        is_seen = is_recorded or not bench.is_hosted
        if as_json:
            document = _document(bench, identity, outcome)
            document["recorded"] &= is_seen
            document |= {"places": [each.document() for each in reached]} if reached else {}
            document |= {"movedTo": followed.document()} if followed else {}
            print_json(document | ({"clocks": clocks.document()} if clocks else {}))
        else:
            _print_outcome(bench, identity, outcome, is_seen=is_seen)
            if followed and followed.problem is None:
                print_text(f"The space was moved to {followed.where}: this was brought there, too")
        cover_shards(bench)
        if clocks:
            clocks.warn()
        _renew(bench)
    is_there = followed is None or followed.problem is None
    return WHOLE if outcome.whole and is_recorded and is_spread and is_there else INCOMPLETE


def _new_space(account: str, home: Home) -> str:
    """A space is made for an account that there is: not for a slip of the pen. Raises IdentityError."""
    asyncio.run(resolve(settings(), account))
    return home.new_space()


def _spread(bench: Workbench) -> tuple[list[Reached], bool]:
    """What came of bringing it to the space's other places, and whether enough have it."""
    if not PlaceList(bench.home.places, bench.space.did).load():
        return [], True
    from backup_agent.cli.replicas import judge, spread

    reached = spread(bench)
    return reached, judge(bench, reached)


def _follow(bench: Workbench) -> Reached | None:
    """What came of bringing it to where the space was moved since, or while this ran; None if it was not."""
    here = text_of(settled(bench.where, bench.space.did))
    moved_to = PlaceList(bench.home.places, bench.space.did).left_for(here)
    if moved_to is None:
        return None
    from backup_agent.cli.replicas import reach

    followed = reach(bench, moved_to, create=False)
    if followed.problem is not None:
        print_error(
            f"the space was moved to {moved_to}, and this could not be brought there: {followed.problem}; "
            f"`skypail space copy {moved_to} --space {here}` tries again"
        )
    return followed


def _renew(bench: Workbench) -> None:
    """What is delegated to servers; nothing of that is loaded where nothing is."""
    scheduled = ScheduledList(bench.home.servers, bench.space.did).load()
    if any(each.wants_renewal(int(time.time())) for each in scheduled):
        from backup_agent.cli.remote import open_line
        from backup_agent.cli.scheduling import renew

        with open_line(bench.settings) as line:
            renew(bench, line)


def _is_recorded(bench: Workbench, clocks: Clocks, urls: list[str]) -> bool:
    """Whether each of `urls` took it, and as many of those in use as the user wants."""
    troubles = clocks.troubles()
    known = ClockList(bench.home.clocks, bench.space.did)
    took = sum(not (clock.url in troubles and troubles[clock.url].is_behind) for clock in known.load())
    wanted = known.at_least()
    if took < wanted:
        print_error(
            f"{took} of the clock services in use took it, and {wanted} are wanted; one that is gone for "
            "good is left by `skypail clock forget URL`"
        )
    return took >= wanted and not any(url in troubles for url in urls)


@contextmanager
def _clocks(bench: Workbench, urls: list[str]) -> Generator[Clocks | None]:
    """The services in use and those at `urls`; None if there are none, and nothing of them is loaded then."""
    known = ClockList(bench.home.clocks, bench.space.did).load()
    if not known and not urls:
        yield None
        return
    from backup_agent.cli.remote import open_clocks, open_line

    with open_line(bench.settings) as line:
        more = [url for url in urls if url not in {clock.url for clock in known}]
        yield open_clocks(line, bench, known, more)


async def run_backup(
    bench: Workbench, account: str, progress: Progress, clock: Clock | None = None
) -> tuple[Identity, Outcome]:
    """Resolve the account, then back it up through the ordinary code path. clock: None for the folder's."""
    progress.phase("Resolving the account")
    async with Http(allow_private=bench.settings.allow_private_hosts) as http:
        identity = await Resolver(http, plc_url=bench.settings.plc_url).resolve(account)
        session, preferences = _owner(http, identity, bench)
        files = bench.home.account(identity.did)
        run = Run(
            identity=identity,
            source=Source(http, identity.pds, auth=session),
            space=bench.space,
            clock=clock or bench.clock,
            signer=bench.signer,
            now_ms=lambda: time.time_ns() // 1_000_000,
            journal=files.journal,
            sealed_note=files.sealed_note,
            preferences=preferences,
            recipients=files.recipients(),
            progress=progress,
        )
        return identity, await back_up(run)


def _owner(http: Http, identity: Identity, bench: Workbench) -> tuple[Session | None, Preferences | None]:
    """The owner's session and how to ask for preferences with it.

    A session that ended is no reason not to back up what is public: the snapshot then says so.
    """
    try:
        session = open_session(http, identity, bench.home.sessions)
    except NotLoggedIn:
        return None, None
    except SessionError as error:
        return None, partial(_refuse, error)
    return session, session.get_preferences


async def _refuse(error: SessionError) -> bytes:
    raise error


def _document(bench: Workbench, identity: Identity, outcome: Outcome) -> dict[str, Any]:
    return {
        "account": identity.did,
        "handle": identity.handle,
        "host": identity.pds,
        "newSpace": bench.is_new_space,
        "recorded": outcome.recorded,
        "whole": outcome.whole,
        "writtenBytes": outcome.written_bytes,
        "writtenBlocks": outcome.written_blocks,
        "snapshot": details(outcome.snapshot, bench.space.get),
    }


def _print_outcome(bench: Workbench, identity: Identity, outcome: Outcome, *, is_seen: bool) -> None:
    """is_seen: whether others can see what was recorded; at a provider that is for a clock service to do."""
    name = f"{identity.handle} ({identity.did})" if identity.handle else identity.did
    stamp = outcome.snapshot.backup.created_at
    print_text(f"{name} at {identity.pds}")
    if not is_seen:
        print_text(
            f"Stored in {bench.where}, {size_text(outcome.written_bytes)} new, as of {stamp}",
            "NOT RECORDED: this machine alone knows of it until `skypail clock sync`, or the next backup",
        )
    elif outcome.recorded:
        print_text(f"Recorded {stamp}, {size_text(outcome.written_bytes)} new in {bench.where}")
    else:
        print_text(f"Nothing has changed since {stamp}; nothing was recorded")
        if outcome.written_bytes:
            blocks = counted(outcome.written_blocks, "block")
            print_text(
                f"What was damaged in {bench.where} is whole again: {blocks}, "
                f"{size_text(outcome.written_bytes)}, fetched again"
            )
    verdict = "Proved" if outcome.recorded or outcome.written_blocks else "Holds"
    print_text(f"{verdict}: {counts_line(outcome.snapshot)}", *shortcoming_lines(outcome.snapshot))
    if outcome.missing:
        print_text("What is missing is asked for again by the next backup.")
