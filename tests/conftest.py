"""Says loudly, at the end of a run, that no real peer was tested."""

import pytest

from tests.peers.npm import NOT_TESTED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if NOT_TESTED in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.write_sep("!", f"{NOT_TESTED} ({len(skipped)} tests skipped)", red=True, bold=True)
