"""How many mails go out: nobody is flooded, and nobody who is at home here is kept out by others."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from clock_service.service import REFUSED
from provider import throttle
from provider.errors import AccountBlocked
from provider.throttle import HOUR_S, MAX_MAILS_AN_HOUR, MAX_MAILS_OF_AGENT, Throttle


class Hour:
    """A throttle and its clock."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.counters: Counter[str] = Counter()
        self._throttle = Throttle(self.counters, lambda: self.now_s)
        self._agents = 0

    def sent(self, to: str, agent: str | None = None, *, is_new: bool = True) -> bool:
        self._agents += 1
        try:
            self._throttle.check(to, agent or f"agent {self._agents}", is_new=is_new)
        except AccountBlocked:
            return False
        return True


def test_one_address_gets_few() -> None:
    hour = Hour()
    assert [hour.sent("a") for _ in range(MAX_MAILS_AN_HOUR + 1)] == [True] * MAX_MAILS_AN_HOUR + [False]
    assert hour.sent("b")
    assert hour.counters == {f"{REFUSED}MailsToAddress": 1}


def test_one_agent_asks_for_few() -> None:
    hour = Hour()
    sent = [hour.sent(f"to {number}", "agent") for number in range(MAX_MAILS_OF_AGENT + 1)]
    assert sent == [True] * MAX_MAILS_OF_AGENT + [False]
    assert hour.sent("to 0", "another")


def test_who_floods_new_addresses_keeps_no_user_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(throttle, "MAX_MAILS_TO_NEW", 3)
    hour = Hour()
    with caplog.at_level(logging.ERROR):
        assert [hour.sent(f"to {number}") for number in range(5)] == [True] * 3 + [False] * 2
    assert len(caplog.records) == 1
    assert hour.sent("user", is_new=False)
    hour.now_s += HOUR_S + 1
    assert hour.sent("to 9")


def test_after_an_hour_nothing_is_remembered() -> None:
    hour = Hour()
    for _ in range(MAX_MAILS_AN_HOUR):
        hour.sent("a")
    hour.now_s += HOUR_S + 1
    assert hour.sent("a")
