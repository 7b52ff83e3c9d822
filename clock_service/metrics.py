"""What a service did, in Prometheus' text format.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from time import time

from clock_service.service import REFUSED, ClockService


class Metrics:
    """Counts responses; the rest is the clock service's own counters."""

    def __init__(self, clocks: ClockService) -> None:
        self._clocks = clocks
        self._responses: Counter[int] = Counter()
        self._started_at_unix_s = time()

    def count(self, status: int) -> None:
        self._responses[status] += 1

    def text(self) -> str:
        """All counters; no space and no caller is named."""
        done = self._clocks.counters
        refused = {name.removeprefix(REFUSED): n for name, n in done.items() if name.startswith(REFUSED)}
        statuses = {str(status): n for status, n in self._responses.items()}
        lines = [
            *_family("advances_total", "counter", "Advances acknowledged.", {"": done["advances"]}),
            *_family("heads_total", "counter", "Heads asked for.", {"": done["heads"]}),
            *_family("refused_total", "counter", "Calls refused.", refused, "error"),
            *_family("responses_total", "counter", "Responses sent.", statuses, "status"),
            *_family("start_time_seconds", "gauge", "Unix time.", {"": round(self._started_at_unix_s)}),
        ]
        return "\n".join(lines) + "\n"


def _family(name: str, kind: str, text: str, values: Mapping[str, int], label: str = "") -> list[str]:
    name = f"skypail_clock_{name}"
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for value in sorted(values):
        lines.append(f'{name}{{{label}="{value}"}} {values[value]}' if label else f"{name} {values[value]}")
    return lines
