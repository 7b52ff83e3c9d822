"""`RemoteClock`: asks a service by UCAN, believes only what can be checked."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest

from clock_service import Guard, capabilities
from clock_service.errors import BadAnswer, ClockRefused, ClockUnreachable, NotDelegated
from pail import run
from pail.clock import advance
from tests.clock_service.remote import HELPER, OWNER, SERVICE, SPACE, STRANGER, Agent, Host, grant
from tests.memory_store import value
from ucan import Failure, Outcome, Server, Service, delegate, provide

ALL = ("clock/head", "clock/advance")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path, guard=Guard.REQUIRE)
    yield host
    host.store.close()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Agent]:
    agent = Agent.at(tmp_path / "owner")
    yield agent
    agent.space.close()


@pytest.fixture
def helper(tmp_path: Path, owner: Agent) -> Iterator[Agent]:
    """Another agent with the same folder, and an index of its own."""
    (tmp_path / "helper" / "cache").mkdir(parents=True)
    (tmp_path / "helper" / "space").symlink_to(tmp_path / "owner" / "space")
    agent = Agent.at(tmp_path / "helper", HELPER)
    yield agent
    agent.space.close()


def test_an_event_is_taken_and_is_the_head(host: Host, owner: Agent) -> None:
    clock = host.clock(owner, grant(OWNER, *ALL))
    assert clock.head() == ()
    event = owner.put("a/1")
    assert clock.advance(event) == (event,) == host.head() == clock.head()


def test_all_that_the_service_lacks_goes_along(host: Host, owner: Agent) -> None:
    events = [owner.put(f"a/{number}") for number in range(140)]
    assert host.clock(owner, grant(OWNER, *ALL)).advance(events[-1]) == host.head() == (events[-1],)


def test_the_shards_go_along_though_this_process_has_them_cached(host: Host, owner: Agent) -> None:
    clock = host.clock(owner, grant(OWNER, *ALL))
    for number, key in enumerate(("a/1", "a/2", "b/22", "b/2", "a/1")):
        clock.advance(owner.put(key, str(number)))
    clock.advance(owner.delete("b/2"))
    assert host.head() == owner.clock.head()  # its guard requires them


def test_concurrent_events_go_along_too(host: Host, owner: Agent) -> None:
    base = owner.put("a/0")
    sides = [owner.put(f"a/{number}", head=(base,)) for number in range(1, 4)]
    top = owner.put("a/9")
    assert owner.clock.head() == (top,)
    assert host.clock(owner, grant(OWNER, *ALL)).advance(top) == (top,)
    assert run(advance(host.head(), sides[0]), owner.space.get) == (top,)


def test_an_event_that_the_service_has_is_not_sent_again(host: Host, owner: Agent) -> None:
    clock = host.clock(owner, grant(OWNER, *ALL))
    event = owner.put("a/1")
    clock.advance(event)
    before = host.requests
    assert clock.advance(event) == (event,)
    assert host.requests == before


def test_whoever_may_not_ask_for_the_head_can_add(host: Host, owner: Agent) -> None:
    clock = host.clock(owner, grant(OWNER, "clock/advance"))
    event = owner.put("a/1")
    assert clock.advance(event) == (event,)
    with pytest.raises(NotDelegated, match="clock/head"):
        clock.head()


def test_a_head_that_cannot_be_read_here_is_told_apart(host: Host, owner: Agent, tmp_path: Path) -> None:
    event = owner.put("a/1")
    host.clock(owner, grant(OWNER, *ALL)).advance(event)
    away = Agent.at(tmp_path / "away", HELPER)
    look = host.clock(away, grant(HELPER, *ALL)).look()
    assert (look.head, list(look.unreadable)) == ((), [event])
    away.space.close()


def test_nobody_without_a_delegation_is_asked_for(host: Host, owner: Agent) -> None:
    with pytest.raises(NotDelegated):
        host.clock(owner).head()
    assert host.requests == 0


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (grant(OWNER, *ALL, life_s=-10), "it has expired"),
        (grant(OWNER, *ALL, by=STRANGER), "does not accept this agent's delegation"),
    ],
)
def test_a_delegation_that_is_worth_nothing(host: Host, owner: Agent, held, sentence: str) -> None:
    with pytest.raises(ClockRefused, match=sentence) as refused:
        host.clock(owner, held).advance(owner.put("a/1"))
    assert refused.value.name == "Unauthorized"
    assert host.head() == ()


def test_a_revoked_delegation_is_worth_nothing(host: Host, helper: Agent) -> None:
    held = grant(HELPER, *ALL)
    assert host.clock(helper, held).head() == ()
    host.caller(SPACE).revoke(held)
    with pytest.raises(ClockRefused, match="it was revoked"):
        host.clock(helper, held).head()


def test_who_passed_something_on_takes_it_back(host: Host) -> None:
    held = grant(HELPER, *ALL)
    passed_on = delegate(HELPER, STRANGER.did, held.ucan.capabilities, expires_at_unix=None, proofs=[held])
    host.caller(HELPER).revoke(passed_on)
    assert asyncio.run(host.store.revocations([passed_on.cid])) == {(passed_on.cid, HELPER.did)}


def test_a_stranger_cannot_revoke(host: Host, helper: Agent) -> None:
    held = grant(HELPER, *ALL)
    with pytest.raises(ClockRefused) as refused:
        host.caller(STRANGER).revoke(held)
    assert refused.value.name == "UnauthorizedRevocation"
    assert host.clock(helper, held).head() == ()


def test_the_wider_delegation_that_holds_is_shown(host: Host, owner: Agent) -> None:
    narrow = grant(OWNER, *ALL, nb={"keys": "b/"})
    held = [grant(OWNER, *ALL, life_s=-10), narrow, grant(OWNER, *ALL)]
    event = owner.put("a/1")
    assert host.clock(owner, *held).advance(event) == (event,)


class Narrow:
    """The owner's backups, and a helper that may only add below `h/`."""

    def __init__(self, host: Host, owner: Agent, helper: Agent) -> None:
        owner.put("a/1")
        owner.put("h/0")
        host.clock(owner, grant(OWNER, *ALL)).advance(owner.clock.head()[0])
        self.clock = host.clock(helper, grant(HELPER, *ALL, nb={"keys": "h/", "ops": ["put"]}))


@pytest.fixture
def narrow(host: Host, owner: Agent, helper: Agent) -> Narrow:
    return Narrow(host, owner, helper)


def test_a_narrowed_agent_can_add(host: Host, helper: Agent, narrow: Narrow) -> None:
    event = helper.put("h/1")
    assert narrow.clock.advance(event) == (event,) == host.head()


@pytest.mark.parametrize(
    ("name", "attempt"),
    [
        ("DeleteRefused", lambda helper: helper.delete("h/0")),
        ("RewriteRefused", lambda helper: helper.put("h/0", "another")),
        ("ElsewhereRefused", lambda helper: helper.put("a/2")),
    ],
)
def test_and_nothing_else(host: Host, helper: Agent, narrow: Narrow, name: str, attempt) -> None:
    before = host.head()
    with pytest.raises(ClockRefused) as refused:
        narrow.clock.advance(attempt(helper))
    assert refused.value.name == name
    assert host.head() == before


def test_a_receipt_that_another_signed_is_not_believed(host: Host, owner: Agent) -> None:
    host.signer = STRANGER
    with pytest.raises(BadAnswer):
        host.clock(owner, grant(OWNER, *ALL)).head()


def test_an_acknowledgement_without_the_event_in_the_head_is_not_believed(
    host: Host, owner: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = owner.put("a/1")
    clock = host.clock(owner, grant(OWNER, *ALL))
    clock.advance(first)

    async def forgetful(*_: object) -> tuple[object, ...]:
        return (first,)

    monkeypatch.setattr(host.store, "advance", forgetful)
    with pytest.raises(BadAnswer, match="does not have it in its head"):
        clock.advance(owner.put("a/2"))


def test_a_service_that_is_down(host: Host, owner: Agent) -> None:
    host.is_down = True
    with pytest.raises(ClockUnreachable):
        host.clock(owner, grant(OWNER, *ALL)).head()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"head": {}},
        {"head": ["text"]},
        {"head": [value("a"), value("a")]},
        {"head": [value(str(number)) for number in range(300)]},
        [],
        "ok",
    ],
)
def test_an_answer_that_is_no_head(host: Host, owner: Agent, answer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lie(task: object) -> Outcome:
        return Outcome(answer)

    table = [provide(capabilities.HEAD, lie)]
    monkeypatch.setattr(host, "server", Server(Service(SERVICE, table), now_unix_s=lambda: int(time())))
    with pytest.raises(BadAnswer):
        host.clock(owner, grant(OWNER, *ALL)).look()


def test_a_refusal_in_any_words_is_one_short_line(
    host: Host, owner: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(task: object) -> Outcome:
        return Outcome(Failure("Oh\x1b[2J", "no\nno\x1b[31m" * 500))

    table = [provide(capabilities.HEAD, refuse)]
    monkeypatch.setattr(host, "server", Server(Service(SERVICE, table), now_unix_s=lambda: int(time())))
    with pytest.raises(ClockRefused) as refused:
        host.clock(owner, grant(OWNER, *ALL)).look()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 600
