"""When a delegation ends, as people write and read it."""

import pytest

from backup_agent.errors import DelegationError
from backup_agent.expiry import parse_expiry, time_left

NOW = 1_767_225_600  # 2026-01-01


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("12h", NOW + 12 * 3600),
        ("30d", NOW + 30 * 86_400),
        ("2w", NOW + 14 * 86_400),
        ("1y", NOW + 365 * 86_400),
        ("2026-01-02", NOW + 86_400),
        ("2026-01-01T01:00:00Z", NOW + 3600),
        ("2026-01-01T01:00:00+01:00", None),
        ("2026-01-01", None),
        ("2025-12-31", None),
        ("0d", None),
        ("-1d", None),
        ("30", None),
        ("30 d", None),
        ("", None),
        ("never", None),
        ("999999d", None),
    ],
)
def test_a_time_is_read(text: str, at: int | None) -> None:
    if at is None:
        with pytest.raises(DelegationError):
            parse_expiry(text, NOW)
    else:
        assert parse_expiry(text, NOW) == at


@pytest.mark.parametrize(
    ("left_s", "text"),
    [
        (-1, "expired"),
        (0, "expired"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (7200, "2 hours"),
        (30 * 86_400, "30 days"),
    ],
)
def test_the_time_left_is_told(left_s: int, text: str) -> None:
    assert time_left(NOW + left_s, NOW) == text
    assert time_left(None, NOW) == "never expires"
