"""Which snapshots a policy keeps, held against restic's own loop."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup_agent.errors import RetentionInvalid
from backup_agent.retention import MAX_COUNT, Policy, decode_policy, encode_policy, kept
from backup_agent.snapshot import format_timestamp
from pail import DecodeError, encode_block

counts = st.integers(0, 6)
policies = st.builds(
    lambda *numbers: Policy(*numbers) if any(numbers) else Policy(last=1),
    counts,
    counts,
    counts,
    counts,
    counts,
)
timestamps = st.lists(
    st.integers(0, 90 * 24).map(lambda hours: format_timestamp(1_700_000_000_000 + hours * 1_800_000)),
    unique=True,
    max_size=40,
)


def day(number: int, hour: int = 12) -> str:
    moment = datetime(2026, 1, 1, hour, tzinfo=UTC) + timedelta(days=number)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def restic(policy: Policy, known: Sequence[str]) -> set[str]:
    """`ApplyPolicy` of restic 0.17, statement by statement, for the rules there are here."""

    def at(text: str) -> datetime:
        return datetime.fromisoformat(text[:-1] + "+00:00")

    def ymdh(d: datetime, _: int) -> int:
        return d.year * 1000000 + d.month * 10000 + d.day * 100 + d.hour

    def ymd(d: datetime, _: int) -> int:
        return d.year * 10000 + d.month * 100 + d.day

    def yw(d: datetime, _: int) -> int:
        return d.isocalendar()[0] * 100 + d.isocalendar()[1]

    def ym(d: datetime, _: int) -> int:
        return d.year * 100 + d.month

    def always(_: datetime, number: int) -> int:
        return number

    rules: list[tuple[int, Callable[[datetime, int], int]]] = [
        (policy.last, always),
        (policy.hourly, ymdh),
        (policy.daily, ymd),
        (policy.weekly, yw),
        (policy.monthly, ym),
    ]
    left = [count for count, _ in rules]
    last = [-1 for _ in rules]
    stay: set[str] = set()
    newest_first = sorted(known, reverse=True)
    for number, text in enumerate(newest_first):
        for at_rule, (_, bucker) in enumerate(rules):
            if left[at_rule] > 0:
                value = bucker(at(text), number)
                if value != last[at_rule] or number == len(newest_first) - 1:
                    stay.add(text)
                    last[at_rule] = value
                    left[at_rule] -= 1
    return stay


@given(policies, timestamps)
def test_what_stays_is_what_restic_keeps(policy: Policy, known: list[str]) -> None:
    assert kept(policy, known) == restic(policy, known)


@given(policies, timestamps)
def test_the_newest_always_stays_and_applying_a_policy_again_removes_nothing(
    policy: Policy, known: list[str]
) -> None:
    stay = kept(policy, known)
    assert stay <= set(known)
    assert not known or max(known) in stay


@given(policies, policies, timestamps)
def test_more_rules_never_keep_less(one: Policy, other: Policy, known: list[str]) -> None:
    both = Policy(*(max(a, b) for a, b in zip(counts_of(one), counts_of(other), strict=True)))
    assert kept(both, known) >= kept(one, known) | kept(other, known)


def counts_of(policy: Policy) -> list[int]:
    return [policy.last, policy.hourly, policy.daily, policy.weekly, policy.monthly]


def test_the_newest_of_each_day_stays() -> None:
    known = [day(number, hour) for number in range(5) for hour in (1, 13, 23)]
    assert kept(Policy(daily=2), known) == {day(4, 23), day(3, 23)}


def test_weeks_are_those_of_iso_8601() -> None:
    assert kept(Policy(weekly=2), ["2026-12-31T00:00:00.000Z", "2027-01-03T00:00:00.000Z"]) == {
        "2027-01-03T00:00:00.000Z",
        "2026-12-31T00:00:00.000Z",  # the same week, but the oldest, and the rule has one to spare
    }


def test_the_oldest_stays_while_a_rule_has_some_to_spare() -> None:
    known = [day(0, 1), day(0, 2), day(0, 3)]
    assert kept(Policy(monthly=12), known) == {day(0, 3), day(0, 1)}


@pytest.mark.parametrize("wrong", [{}, {"last": -1}, {"daily": MAX_COUNT + 1}])
def test_a_policy_that_keeps_nothing_or_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(RetentionInvalid):
        Policy(**wrong)


def test_a_policy_is_told_as_options() -> None:
    assert str(Policy(daily=30, monthly=12)) == "--keep-daily 30 --keep-monthly 12"


@given(policies)
def test_a_policy_survives_its_block(policy: Policy) -> None:
    assert decode_policy(encode_policy(policy).data) == policy


RULES = {"last": 1, "hourly": 0, "daily": 0, "weekly": 0, "monthly": 0}


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2} | RULES,
        {"version": 1, "last": 1},
        {"version": 1} | RULES | {"yearly": 3},
        {"version": 1} | RULES | {"last": 0},
        {"version": 1} | RULES | {"daily": -1},
        {"version": 1} | RULES | {"daily": "1"},
    ],
)
def test_a_block_that_is_no_policy_is_refused(fields: dict[str, int | str]) -> None:
    with pytest.raises(DecodeError):
        decode_policy(encode_block(dict(fields)).data)
