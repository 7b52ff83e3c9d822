"""What the commands work with: the settings, the home, and the space that was named."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backup_agent.catalogue import account_of_handle
from backup_agent.cli.output import print_error
from backup_agent.errors import AgentError
from backup_agent.home import Home, Settings
from backup_agent.new_folder import expect_folder, expect_none_below, expect_parent
from backup_agent.place_list import KnownPlace, default_where, text_of
from backup_agent.placing import is_default, open_at, replicas_beside
from space import (
    LOCAL_FILES,
    FolderClock,
    Head,
    NoSpace,
    Space,
    SpaceError,
    SpaceUnavailable,
    Where,
    open_folder,
    open_space,
    parse_where,
)
from space.folder_place import FolderPlace
from space.identity import did_of_space
from space.layout import HEAD_SUFFIX, SHARDS, shard_of_name
from space.remote.address import is_provider, parse_provider
from ucan import Signer

if TYPE_CHECKING:
    from backup_agent.identity import Identity

_NO_SPACE = "there is no space in {}; `skypail backup ACCOUNT` makes one, --space DIR|URL names another"
_SHARDS_ALONE = (
    "{} holds shards but no .space file; `skypail space recover` makes it anew with the key of the space, "
    "`skypail repair` under a new name without it"
)


@dataclass(frozen=True, slots=True)
class Workbench:
    """Everything a command needs of this machine, opened."""

    settings: Settings
    home: Home
    signer: Signer
    where: Where
    space: Space
    clock: FolderClock
    is_new_space: bool
    """Whether the space was made just now."""
    unasked: tuple[str, ...] = ()
    """Why clock services were not read that keep the head of a space which lies at a provider."""

    @property
    def url(self) -> str:
        """Where the space lies, as a URL."""
        return self.where.as_uri() if isinstance(self.where, Path) else self.where

    @property
    def option(self) -> str:
        """What must follow a command that is to mean this place: nothing for the default one."""
        is_meant = is_default(self.home, self.where, self.space.did)
        return "" if is_meant else f" --space {text_of(self.where)}"

    @property
    def new_space_lines(self) -> tuple[str, str]:
        """What its owner must know of a space that was made by the way."""
        export = f"`skypail space key export{self.option}`"
        return f"Made a new space in {self.where}", f"Write its key down: {export} shows it"

    @property
    def is_hosted(self) -> bool:
        """Whether it lies at a provider: what a clock service does not take, no other machine sees."""
        return isinstance(self.where, str) and is_provider(self.where)

    def look(self) -> tuple[Head, bool]:
        """The head, and whether it is all there is; what cannot be read is said on standard error.

        In a synced folder that may pass. An agent's head that is damaged hides its newest snapshots.
        """
        report = self.clock.report()
        for why in self.unasked:
            print_error(f"{why}; there may be newer snapshots than this machine knows of")
        if report.pending:
            lost = next(iter(report.pending.values()))
            wait = "wait until the folder has synced, or " if self.space.place.is_near else ""
            print_error(
                f"some snapshots in {self.where} cannot be read, as {lost} is missing or damaged; {wait}run "
                f"`skypail space recover{self.option}`, which finds what there is and names the rest"
            )
        bad = {
            name: why for name, why in report.ignored.items() if name.endswith(HEAD_SUFFIX) or "." not in name
        }
        for name, why in bad.items():  # other files that a synced folder collects are none of ours
            print_error(f"passed over {name} in {self.where}, whose snapshots may be hidden: {why}")
        headless = not report.head and not report.pending and bool(self.clock.unreached())
        if headless:
            print_error(
                f"the heads in {self.where} are lost: its shards hold snapshots that no head reaches; "
                f"`skypail repair{self.option}` finds them"
            )
        return report.head, not report.pending and not bad and not headless and not self.unasked


def settings() -> Settings:
    """The settings of this process's environment."""
    return Settings.of(os.environ)


@contextmanager
def workbench(
    where: Where | None,
    *,
    create: bool = False,
    remake: bool = False,
    new_did: Callable[[Home], str] = Home.new_space,
    of: Settings | None = None,
    looking: bool = False,
) -> Generator[Workbench]:
    """The space that lies there, or the default one; `create` makes it on first use.

    remake: if there are shards but no space file that can be read, make that anew.
    new_did: names a space that is made. looking: blocks that the place lacks may come from a replica.
    A place that does not answer, of a space with replicas, gives way to the next of them.
    of: other settings than the environment's. Raises HomeUnusable and what opening a space raises.
    """
    chosen = of or settings()
    place = where or default_where(Home(chosen.home))
    place = place.absolute() if isinstance(place, Path) else place
    beside = replicas_beside(Home(chosen.home), place)
    make = _Making(create and not beside, remake, new_did, is_named=where is not None)
    try:
        home, space, is_new = _open(chosen, place, make)
    except (SpaceUnavailable, NoSpace) as error:
        home, place, space = _open_beside(chosen, beside, error)
        is_new = False
    with space:
        signer = home.agent()
        bench = Workbench(chosen, home, signer, place, space, FolderClock(space, signer), is_new)
        if bench.is_hosted:
            from backup_agent.cli.pulling import pull

            bench = replace(bench, unasked=pull(bench))
        if beside and looking:
            from backup_agent.cli.elsewhere import reading_elsewhere

            with reading_elsewhere(bench):
                yield bench
        else:
            yield bench


class _Making(NamedTuple):
    """What may be made where there is no space. is_named: whether the user named the place."""

    create: bool
    remake: bool
    new_did: Callable[[Home], str]
    is_named: bool


def _open(chosen: Settings, place: Where, make: _Making) -> tuple[Home, Space, bool]:
    """The home, the space that lies there, and whether it was made just now."""
    create = make.create
    if isinstance(place, Path):
        expect_folder(place)
        if not create:
            create = _expect_space(place, make.remake)
        elif make.is_named:
            expect_parent(place)
        home = Home.open(chosen.home)
        home.agent()
        return home, *_open_folder(home, place, create, make.new_did)
    home = Home.open(chosen.home)
    home.agent()
    return home, *_open_far(home, chosen, place, create, make.remake, make.new_did)


def _open_beside(
    chosen: Settings, beside: Sequence[tuple[str, KnownPlace]], error: SpaceError
) -> tuple[Home, Where, Space]:
    """The space at the first of its other places that answers. Raises `error` if none does."""
    home = Home(chosen.home)
    for did, known in beside:
        place = parse_where(known.where)
        try:
            space = open_at(home, chosen, place, did, create=False)
        except (SpaceError, AgentError):
            continue
        print_error(f"{error}; {known.where} is used instead")
        return home, place, space
    raise error


def account_did(bench: Workbench, account: str | None) -> str | None:
    """The DID that --account means. Raises IdentityError.

    A handle is that of a snapshot here; only one that no snapshot claims is looked up.
    """
    if account is None or account.startswith("did:"):
        return account
    from backup_agent.handle import parse_account

    if known := account_of_handle(bench.clock.head(), parse_account(account), bench.space.get):
        return known
    return asyncio.run(resolve(bench.settings, account)).did


async def resolve(chosen: Settings, account: str) -> Identity:
    """The identity of a handle or a DID."""
    from backup_agent.identity import Resolver
    from backup_agent.net import Http

    async with Http(allow_private=chosen.allow_private_hosts) as http:
        return await Resolver(http, plc_url=chosen.plc_url).resolve(account)


def _expect_space(place: Path, remake: bool) -> bool:
    """Raise NoSpace unless there is a space in `place`: looking for one makes no folder and no key.

    Whether its file is to be made anew.
    """
    try:
        there = FolderPlace(place, LOCAL_FILES, home="", lock=place)
        if did_of_space(there):
            return False
        shards = any(shard_of_name(entry.name) for entry in there.list(SHARDS))
    except OSError as error:
        raise SpaceUnavailable(f"{place} cannot be read: {error.strerror}") from error
    if not shards:
        raise NoSpace(_NO_SPACE.format(place))
    if not remake:
        raise NoSpace(_SHARDS_ALONE.format(place))
    return True


def _open_folder(home: Home, place: Path, create: bool, new_did: Callable[[Home], str]) -> tuple[Space, bool]:
    """The space, and whether it was made just now."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpaceUnavailable(f"no space can be made in {place}: {error.strerror}") from error
    try:
        return open_folder(place, cache=home.cache), False
    except NoSpace as error:
        if not create:
            raise
        if not error.has_shards:
            expect_none_below(place)
    return open_folder(place, cache=home.cache, did=new_did(home)), True


def _open_far(
    home: Home, chosen: Settings, url: str, create: bool, remake: bool, new_did: Callable[[Home], str]
) -> tuple[Space, bool]:
    """As `_open_folder`, for what a URL names; at a provider none is made by the way."""
    if is_provider(url):
        from backup_agent.hosted.opening import open_hosted

        return open_hosted(home, chosen, parse_provider(url), resume=create), False
    opened = partial(
        open_space, url, cache=home.cache, environ=os.environ, allow_private=chosen.allow_private_hosts
    )
    try:
        return opened(), False
    except NoSpace as error:
        if create or (remake and error.has_shards):
            return opened(did=new_did(home)), True
        if error.has_shards:
            raise NoSpace(_SHARDS_ALONE.format(url)) from error
        raise NoSpace(_NO_SPACE.format(url)) from error
