"""A server agent in a process of its own, with a quicker heart than an operator's: `python -m … JSON`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from backup_agent.server import runner, ticker, verdict
from backup_agent.server.serve import Options, serve
from backup_agent.server.watchdog import Beat
from backup_agent.server.worker import Settings
from clock_service.answering import print_started

if __name__ == "__main__":
    told: dict[str, Any] = json.loads(sys.argv[1])
    root = Path(told["root"])
    if again_s := told.get("again"):  # all waits for a database that is away
        runner.NOTE_AGAIN_S = ticker.AWAY_S = again_s
        verdict.DATABASE_WAIT_MS = int(again_s * 1000)
    settings = Settings(
        cache=root / told.get("cache", "cache"),
        plc_url=told["plc"],
        allow_private=True,
        folders=(root,),
        endpoints=("127.0.0.1",),
        slots=told.get("slots", 4),
        beat=Beat(*told.get("beat", (0.5, 5.0))),
        runs_per_host=told.get("runsPerHost", 1000),
        max_in_line=told.get("maxInLine", 64),
    )
    serve(
        Options(root / "server.key", told["database"], settings, workers=told.get("workers", 1)),
        print_started,
    )
