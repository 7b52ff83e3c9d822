"""Says loudly, at the end of a run, what was not tested for want of a tool."""

from collections import Counter

import pytest

NOT_TESTED = "NOT TESTED"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NOT_TESTED in report.longrepr[2]
    )
    for reason, count in reasons.items():
        terminalreporter.write_sep("!", f"{reason} ({count} tests skipped)", red=True, bold=True)
