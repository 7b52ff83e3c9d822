"""Which delegation an agent shows."""

import pytest

from clock_service.access import CLOCK_MARGIN_S, Access
from tests.clock_service.remote import HELPER, SPACE, STRANGER
from ucan import Capability, Delegation, delegate

NOW = 1_800_000_000
NARROW = {"keys": "mine/"}


def held(expires: int | None, nb=None, *, begins: int | None = None) -> Delegation:
    capability = Capability("clock/advance", SPACE.did, nb)
    return delegate(SPACE, HELPER.did, [capability], expires_at_unix=expires, not_before_unix=begins)


def caveats(*delegations: Delegation, agent=HELPER):
    grant = Access(agent, SPACE.did, delegations).grant("clock/advance", NOW)
    return None if grant is None else grant.caveats


def test_the_wider_one_is_shown() -> None:
    assert caveats(held(NOW + 100, NARROW), held(NOW + 100)) == {}


@pytest.mark.parametrize(("left_s", "shown"), [(CLOCK_MARGIN_S, NARROW), (CLOCK_MARGIN_S + 1, {})])
def test_one_that_ends_before_the_clocks_agree_is_not_relied_on(left_s: int, shown) -> None:
    assert CLOCK_MARGIN_S == 30
    assert caveats(held(NOW + left_s), held(None, NARROW)) == shown


def test_one_that_has_not_begun_is_not_relied_on() -> None:
    assert caveats(held(None, begins=NOW), held(None, NARROW)) == NARROW


def test_one_that_is_over_is_shown_where_there_is_no_other() -> None:
    assert caveats(held(NOW - 1)) == {}
    assert caveats() is None
    assert caveats(held(None), agent=STRANGER) is None
