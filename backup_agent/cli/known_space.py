"""A space by its name, for what is not asked of the place where it lies.

A server that keeps a space can be asked how it goes, and told to stop, while that place is dead.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from backup_agent.cli.output import print_error
from backup_agent.cli.workbench import Workbench, workbench
from backup_agent.home import Home, Settings
from backup_agent.placing import default_where
from backup_agent.scheduled import spaces_at
from space import SpaceUnavailable, Where
from ucan import Signer


class Named(Protocol):
    @property
    def did(self) -> str: ...


class OfSpace(Protocol):
    """What a `Workbench` has too."""

    @property
    def settings(self) -> Settings: ...
    @property
    def home(self) -> Home: ...
    @property
    def signer(self) -> Signer: ...
    @property
    def space(self) -> Named: ...


class Name(NamedTuple):
    did: str


@dataclass(frozen=True, slots=True)
class KnownSpace:
    """A space that was not opened."""

    settings: Settings
    home: Home
    signer: Signer
    space: Name


@contextmanager
def scheduled_space(where: Where | None) -> Generator[Workbench | KnownSpace]:
    """The space that lies there, or the default one. One that does not answer goes by the name under which
    this home scheduled it. Raises as `workbench` if it did not.
    """
    with ExitStack() as stack:
        try:
            found: Workbench | KnownSpace = stack.enter_context(workbench(where))
        except SpaceUnavailable as error:
            known = _known_at(where)
            if known is None:
                raise
            print_error(str(error))
            found = known
        yield found


def _known_at(where: Where | None) -> KnownSpace | None:
    chosen = Settings.of(os.environ)
    place = where or default_where(Home(chosen.home))
    names = spaces_at(
        Home(chosen.home).servers, place.absolute().as_uri() if isinstance(place, Path) else place
    )
    if len(names) != 1:
        return None
    home = Home.open(chosen.home)
    return KnownSpace(chosen, home, home.agent(), Name(names[0]))
