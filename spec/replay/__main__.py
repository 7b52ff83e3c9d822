"""`python -m spec.replay FILE…`: each file's failures, then `N passed, M failed`.

Exits with 1 if anything failed, or a file held nothing that can be replayed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pail import PailError
from spec.replay.classes import NoReplay, replay_of
from spec.replay.report import Report
from ucan import UcanError


def main(paths: list[str]) -> int:
    """0 if every file was replayed and all of it passed."""
    if not paths or paths[0].startswith("-"):
        print("usage: python -m spec.replay FILE…", file=sys.stderr)
        return 2
    outcomes = [_replay_file(path) for path in paths]
    return 0 if all(outcomes) else 1


def _replay_file(path: str) -> bool:
    try:
        report = replay_file(Path(path))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, NoReplay) as error:
        print(f"{path}: not replayed: {error}")
        return False
    for name, reason in report.failures:
        print(f"{path}: {name}: {reason}")
    print(f"{path}: {report.passed} passed, {len(report.failures)} failed")
    return report.passed > 0 and not report.failures


def replay_file(path: Path) -> Report:
    """The outcome of every case in a file. Raises OSError, ValueError, NoReplay."""
    vectors = json.loads(path.read_text(encoding="utf-8"))
    report = Report(errors=(PailError, UcanError))
    replay_of(vectors)(vectors, report)
    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
