"""Keys and timestamps of snapshots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_agent.snapshot import format_timestamp, parse_backup_key, snapshot_key
from backup_agent.snapshot.keys import parse_timestamp
from pail import DecodeError

LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""


@given(st.integers(0, LAST_MS))
def test_a_timestamp_says_its_millisecond(unix_ms: int) -> None:
    assert parse_timestamp(format_timestamp(unix_ms)) == unix_ms


@given(st.integers(0, LAST_MS), st.integers(0, LAST_MS))
def test_timestamps_sort_by_time(a: int, b: int) -> None:
    assert (a < b) == (format_timestamp(a) < format_timestamp(b))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-20",
        "2026-11-20T21:47:00Z",
        "2026-11-20T21:47:00.0000Z",
        "2026-13-20T21:47:00.000Z",
        "2026-11-20T21:47:00.000+00:00",
    ],
)
def test_another_form_of_time_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_timestamp(text)


def test_a_key_names_account_and_time() -> None:
    key = snapshot_key("did:plc:abc", "2026-11-20T21:47:00.000Z")
    assert key == "did:plc:abc/backups/2026-11-20T21:47:00.000Z"
    assert parse_backup_key(key) == ("did:plc:abc", "2026-11-20T21:47:00.000Z")


@pytest.mark.parametrize(
    "key",
    ["did:plc:abc/authorizations/did:key:z", "did:plc:abc/backups/now", "x/backups/2026-11-20T21:47:00.000Z"],
)
def test_other_keys_name_no_snapshot(key: str) -> None:
    assert parse_backup_key(key) is None
