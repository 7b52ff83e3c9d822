"""What an owner may ask about an account that is scheduled: how it is, now, pause, resume, remove, renew."""

from __future__ import annotations

import pytest

from backup_agent.server import account_rows
from backup_agent.server.schedule import State
from pail import Value
from tests.backup_agent.server.desk import ACCOUNT, AGENT, OWNER, STRANGER, Desk, call, exact, scheduling
from ucan import Capability, delegate

ABOUT_ONE = ["status", "now", "pause", "resume", "remove"]


@pytest.mark.parametrize("verb", ABOUT_ONE)
def test_nobody_asks_about_anothers_space(desk: Desk, verb: str) -> None:
    desk.ask(scheduling(exact(), root=desk.root))
    forged = call(f"backup/{verb}", {"account": ACCOUNT}, by=STRANGER)
    assert desk.refusal(forged).startswith("Unauthorized")
    own = call(f"backup/{verb}", {"account": ACCOUNT}, by=STRANGER, space=STRANGER.did)
    assert desk.refusal(own).startswith("NotScheduled: ")
    assert desk.ask(call("backup/status", {"account": ACCOUNT}))["ok"]["state"] == "due"


def test_an_agent_may_ask_what_it_was_delegated(desk: Desk) -> None:
    desk.ask(scheduling(exact(), root=desk.root))
    may = delegate(OWNER, AGENT.did, [Capability("backup/status", OWNER.did)], expires_at_unix=None)
    account: dict[str, Value] = {"account": ACCOUNT}
    assert "ok" in desk.ask(call("backup/status", account, by=AGENT, proofs=(may,)))
    assert desk.refusal(call("backup/remove", account, by=AGENT, proofs=(may,))).startswith("Unauthorized")


def test_paused_resumed_run_and_removed(desk: Desk) -> None:
    desk.ask(scheduling(exact(), root=desk.root))
    account: dict[str, Value] = {"account": ACCOUNT}
    assert desk.ask(call("backup/pause", account))["ok"]["state"] == "paused"
    assert "resume" in desk.refusal(call("backup/now", account))
    assert desk.ask(scheduling(exact(), root=desk.root, keep="renewed"))["ok"]["state"] == "paused"
    assert desk.ask(call("backup/resume", account))["ok"]["state"] == "due"
    assert "ok" in desk.ask(call("backup/now", account))
    assert desk.put == [ACCOUNT]
    assert desk.ask(call("backup/remove", account))["ok"] == {}
    assert desk.refusal(call("backup/status", account)).startswith("NotScheduled: ")


def test_a_renewal_brings_nothing_back_that_was_removed_or_revoked(desk: Desk) -> None:
    renewal = scheduling(exact(), root=desk.root, renewal=True)
    assert desk.refusal(renewal).startswith("NotScheduled: ")
    desk.ask(scheduling(exact(), root=desk.root))
    assert desk.ask(renewal)["ok"]["state"] == "due"
    (account,) = desk.database.do(lambda session: account_rows.worst(session, 1))
    desk.database.do(lambda session: account_rows.set_state(session, account, State.ENDED, "it was revoked"))
    assert desk.refusal(renewal).startswith("NotScheduled: ")
    desk.database.do(lambda session: account_rows.set_state(session, account, State.LAPSED, "it is 2099"))
    assert desk.ask(call("backup/status", {"account": ACCOUNT}))["ok"]["state"] == "ended"
    assert desk.ask(renewal)["ok"]["state"] == "due"


@pytest.mark.parametrize("verb", ["now", "pause", "resume"])
def test_what_has_ended_is_taken_up_by_new_delegations_alone(desk: Desk, verb: str) -> None:
    desk.ask(scheduling(exact(), root=desk.root))
    (account,) = desk.database.do(lambda session: account_rows.worst(session, 1))
    desk.database.do(lambda session: account_rows.set_state(session, account, State.ENDED, "it was revoked"))
    assert "it was revoked; `skypail schedule ACCOUNT`" in desk.refusal(
        call(f"backup/{verb}", {"account": ACCOUNT})
    )
    assert desk.ask(scheduling(exact(), root=desk.root, keep="anew"))["ok"]["state"] == "due"
