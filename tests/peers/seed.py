"""`python -m tests.peers.seed PDS_URL HANDLE [--records N] [--blobs M]`: a filled account on a PDS.

Prints one JSON object: did, handle, password, and the seconds it took.
"""

from __future__ import annotations

import argparse
import json
import time

from tests.peers.pds_client import seed_account


def main() -> None:
    parser = argparse.ArgumentParser(description="Make an account on a PDS and fill it.")
    parser.add_argument("pds", help="base URL, e.g. http://localhost:2583")
    parser.add_argument("handle")
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--blobs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recovery-key", help="a did:key, put first among the rotation keys")
    options = vars(parser.parse_args())
    start = time.monotonic()
    owner = seed_account(options.pop("pds"), options.pop("handle"), **options)
    seconds = round(time.monotonic() - start, 2)
    print(
        json.dumps({"did": owner.did, "handle": owner.handle, "password": owner.password, "seconds": seconds})
    )


if __name__ == "__main__":
    main()
