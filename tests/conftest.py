"""Says loudly, at the end of a run, that no real peer, no PostgreSQL or no real bucket server was tested."""

import pytest

from tests.clock_service import postgres
from tests.peers import npm
from tests.space import radosgw


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for missing in (npm.NOT_TESTED, postgres.NOT_TESTED, radosgw.NOT_TESTED):
        count = sum(missing in reason for reason in skipped)
        if count:
            terminalreporter.write_sep("!", f"{missing} ({count} tests skipped)", red=True, bold=True)
