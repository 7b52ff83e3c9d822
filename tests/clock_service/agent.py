"""An agent with a service process of its own: `python -m tests.clock_service.agent DATABASE NUMBER COUNT`.

Makes events on whatever head it was last told, delivers them twice and out of order, several at
once, and prints each that was acknowledged.
"""

import asyncio
import random
import sys

from clock_service import ClockService, Guard, Policy, Provision, open_store
from pail import CID, RAW, Block, cid_of
from pail.event import Head, encode_event
from pail.operation import Put, encode_operation
from tests.clock_service.made import SPACE

AT_ONCE = 4


def make(head: Head, key: str) -> Block:
    """An event whose root nobody looks at."""
    return encode_event(head, encode_operation(Put(key, cid_of(RAW, key.encode())), cid_of(RAW, b"root")))


async def run(database: str, number: int, count: int) -> list[CID]:
    chance = random.Random(number)
    store = open_store(database)
    service = ClockService(store, Policy(Provision.OPEN, guard=Guard.WHEN_POSSIBLE))
    acknowledged: list[CID] = []

    async def deliver(blocks: list[Block]) -> Head:
        head = await service.advance(SPACE, blocks[-1].cid, blocks)
        acknowledged.append(blocks[-1].cid)
        return head

    async def work(name: str) -> None:
        head: Head = ()
        for step in range(count // AT_ONCE // 2):
            first = make(head, f"{name}/{step}/a")
            second = make((first.cid,), f"{name}/{step}/b")
            deliveries = [[first], [first, second], [first, second]]
            chance.shuffle(deliveries)
            head = (await asyncio.gather(*(deliver(each) for each in deliveries)))[-1]

    await asyncio.gather(*(work(f"{number}/{each}") for each in range(AT_ONCE)))
    store.close()
    return acknowledged


if __name__ == "__main__":
    for cid in asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))):
        print(cid)
