"""The delegations of a home: how many, and which of them services must know to be revoked."""

from pathlib import Path

import pytest

from backup_agent import delegations
from backup_agent.delegations import HELD, REVOKED, Delegations
from backup_agent.errors import DelegationError
from clock_service.access import CLOCK_MARGIN_S
from ucan import Capability, Delegation, Signer, delegate

SPACE, AGENT = (Signer.from_seed(bytes([number]) * 32) for number in (1, 2))
NOW = 1_800_000_000


def given(expires: int | None, nonce: str = "") -> Delegation:
    capabilities = [Capability("clock/advance", SPACE.did)]
    return delegate(SPACE, AGENT.did, capabilities, expires_at_unix=expires, nonce=nonce)


def test_past_the_limit_one_more_is_refused_and_what_is_there_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delegations, "MAX_FILES", 2)
    kept = Delegations(tmp_path)
    first, second, third = (given(None, nonce) for nonce in ("1", "2", "3"))
    for each in (first, second, first):
        kept.add(HELD, each)
    with pytest.raises(DelegationError, match="room for 2 delegations; delete files of expired ones"):
        kept.add(HELD, third)
    assert {each.cid for each in kept.list(HELD)} == {first.cid, second.cid}


def test_with_more_than_the_limit_none_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Delegations(tmp_path)
    for nonce in ("1", "2"):
        kept.add(REVOKED, given(None, nonce))
    monkeypatch.setattr(delegations, "MAX_FILES", 1)
    with pytest.raises(DelegationError, match="room for 1 delegations"):
        kept.revoked(SPACE.did, NOW)


def test_services_are_told_of_what_may_not_be_over_by_their_clocks(tmp_path: Path) -> None:
    kept = Delegations(tmp_path)
    told = [given(None), given(NOW), given(NOW - CLOCK_MARGIN_S + 1)]
    for each in (*told, given(NOW - CLOCK_MARGIN_S)):
        kept.add(REVOKED, each)
    assert {each.cid for each in kept.revoked(SPACE.did, NOW)} == {each.cid for each in told}
    assert kept.revoked(AGENT.did, NOW) == []
