"""Our client against the original's service: w3clock's capabilities, ucanto's validator, pail's clock."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from clock_service.access import Access
from clock_service.caller import Caller
from clock_service.client import RemoteClock
from clock_service.errors import ClockRefused
from clock_service.several import SeveralClocks
from tests.clock_service.remote import HELPER, OWNER, SPACE, STRANGER, Agent, grant
from tests.peers.npm import node_of, npm_project
from ucan import Connection, Delegation, Response, Verifier, delegate

ALL = ("clock/head", "clock/advance")

pytestmark = pytest.mark.peer


class Original(NamedTuple):
    url: str
    did: str

    def clock(self, agent: Agent, *held: Delegation) -> RemoteClock:
        connection = Connection(self.url, self.did, (Verifier.parse(self.did),), post)
        return RemoteClock(
            Caller(connection, Access(agent.signer, SPACE.did, held), asyncio.run), agent.space
        )


async def post(url: str, headers: Mapping[str, str], body: bytes) -> Response:
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, headers=dict(headers), content=body)
        return Response(answer.status_code, dict(answer.headers), answer.content)


@pytest.fixture
def original() -> Iterator[Original]:
    project = npm_project(Path(__file__).parent / "ucan")
    command = [node_of(project), str(project / "clock-server.mjs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=project) as process:
        assert process.stdout
        try:
            started = json.loads(process.stdout.readline())
            yield Original(started["url"], started["did"])
        finally:
            process.kill()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent.at(tmp_path / "owner")
    yield agent
    agent.space.close()


def test_it_advances_and_reads(original: Original, owner: Agent) -> None:
    clock = original.clock(owner, grant(OWNER, *ALL))
    assert clock.head() == ()
    base = owner.put("a/0")
    assert clock.advance(base) == (base,) == clock.head()
    sides = [owner.put(f"a/{number}", head=(base,)) for number in (1, 2)]
    for side in sides:
        clock.advance(side)
    assert clock.head() == tuple(sorted(sides)) == owner.clock.head()


def test_it_gets_all_that_it_lacks(original: Original, owner: Agent) -> None:
    for number in range(140):
        owner.put(f"a/{number}")
    clocks = SeveralClocks(
        owner.clock, {"original": original.clock(owner, grant(OWNER, *ALL))}, owner.space.get
    )
    head = clocks.sync()
    assert clocks.troubles == {}
    assert original.clock(owner, grant(OWNER, *ALL)).head() == head


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (grant(OWNER, *ALL, life_s=-10), "it has expired"),
        (grant(OWNER, *ALL, by=STRANGER), "does not accept this agent's delegation"),
    ],
)
def test_its_refusals_become_sentences(
    original: Original, owner: Agent, held: Delegation, sentence: str
) -> None:
    clock = original.clock(owner, held)
    with pytest.raises(ClockRefused, match=sentence) as refused:
        clock.advance(owner.put("a/1"))
    assert refused.value.name == "Unauthorized"


def test_a_delegation_may_be_passed_on(original: Original, owner: Agent, tmp_path: Path) -> None:
    first = grant(OWNER, "clock/*")
    helper = Agent.at(tmp_path / "helper", HELPER)
    capabilities = [each._replace(can="clock/head") for each in first.ucan.capabilities]
    second = delegate(
        OWNER, HELPER.did, capabilities, expires_at_unix=first.ucan.expires_at_unix, proofs=[first]
    )
    assert original.clock(helper, second).head() == ()
    helper.space.close()
