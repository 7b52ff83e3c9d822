"""Publishes a shard in several parts, in a process of its own: to be killed."""

import random
import sys
from pathlib import Path

from pail import RAW, Block, cid_of
from space.bucket import upload
from tests.space.bucket_server import BucketGround

PARTS = 3


def media() -> list[Block]:
    noise = random.Random(5)
    contents = [noise.randbytes(1 << 20) for _ in range(12)]
    return [Block(cid_of(RAW, content), content) for content in contents]


def main(path: Path, url: str, bucket: str) -> None:
    upload.PART_BYTES = 5 << 20  # pyright: ignore[reportConstantRedefinition]
    with BucketGround(path, url, bucket).space("child") as space, space.stage() as stage:
        stage.put_many(media())
        stage.publish()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
