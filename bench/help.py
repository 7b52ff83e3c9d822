"""How long `skypail --help` takes, as a ratio to `python -c pass`: `python -m bench.help`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

REPEATS = 20
WANTED_RATIO = 8.0


def fastest(*command: str) -> float:
    """Seconds of the quickest of a few runs: the others were disturbed."""
    times: list[float] = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    nothing = fastest(sys.executable, "-c", "pass")
    answer = fastest(str(Path(sys.executable).with_name("skypail")), "--help")
    ratio = answer / nothing
    print(
        f"skypail --help: {answer * 1e3:.0f} ms, {ratio:.1f} x `python -c pass` "
        f"(wanted: at most {WANTED_RATIO:g})"
    )


if __name__ == "__main__":
    main()
