"""One clock and its guard, asked without a network; a delegation that adds and does nothing else."""

import asyncio

import pytest

from clock_service import Caveats, Guard, Store
from clock_service.errors import Refused
from pail import CID
from tests.clock_service.made import SPACE, Author, open_service
from tests.memory_store import forget

ADDER = Caveats(keys="mine/", ops=frozenset({"put"}))
OWNER = Caveats()


class Clock:
    """One clock, asked plainly. Nothing that pail has read before helps the guard."""

    def __init__(self, store: Store, author: Author, guard: Guard = Guard.WHEN_POSSIBLE) -> None:
        self.author = author
        self.service = open_service(store, guard)

    def take(self, event: CID, caveats: Caveats = OWNER, *, blocks=None):
        forget()
        blocks = self.author.all() if blocks is None else blocks
        return asyncio.run(self.service.advance(SPACE, event, blocks, caveats))

    def refuse(self, error: type[Refused], event: CID, caveats: Caveats = OWNER, *, blocks=None):
        before = asyncio.run(self.service.head(SPACE))
        with pytest.raises(error) as caught:
            self.take(event, caveats, blocks=blocks)
        assert type(caught.value) is error
        assert asyncio.run(self.service.head(SPACE)) == before
        return caught.value
