"""Says loudly, at the end of a run, what was not tested for want of a tool."""

from collections import Counter

import pytest

NOT_TESTED = "NOT TESTED"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        *_, reason = report.longrepr
        if NOT_TESTED in reason:
            reasons[reason.removeprefix("Skipped: ")] += 1
    for reason, count in reasons.items():
        terminalreporter.write_sep("!", f"{reason} ({count} tests skipped)", red=True, bold=True)
