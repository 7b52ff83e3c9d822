"""A clock service in a process of its own: `python -m tests.clock_service.child KEY DATABASE [GUARD]`."""

import sys
from pathlib import Path

from clock_service.answering import print_started
from clock_service.policy import Guard, Policy, Provision
from clock_service.serve import Options, serve

if __name__ == "__main__":
    key, database, *guard = sys.argv[1:]
    policy = Policy(Provision.OPEN, guard=Guard(*guard) if guard else Guard.WHEN_POSSIBLE)
    serve(Options(Path(key), database, policy=policy), print_started)
