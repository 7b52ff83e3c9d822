"""Blocks in memory, and vectors' JSON as values."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any, cast

from pail import CID, Block, MissingBlock, Value, Walk, parse_cid, run
from pail.map import EMPTY, Diff
from spec.replay.report import Vectors

Pairs = list[tuple[str, CID]]


class Store:
    """Answers walks from what was put into it."""

    def __init__(self) -> None:
        self.blocks: dict[CID, bytes] = {EMPTY.cid: EMPTY.data}

    def read(self, cids: Sequence[CID]) -> list[bytes]:
        for cid in cids:
            if cid not in self.blocks:
                raise MissingBlock(cid)
        return [self.blocks[cid] for cid in cids]

    def keep(self, blocks: Iterable[Block]) -> None:
        self.blocks.update(blocks)

    def write(self, walk: Walk[Diff]) -> Diff:
        diff = run(walk, self.read)
        self.keep(diff.additions)
        return diff


def pairs_of(entries: Vectors) -> Pairs:
    """The entries of a JSON map, or of a JSON list of pairs, in the order given."""
    is_map = isinstance(entries, dict)
    pairs = cast(Iterable[tuple[str, str]], cast(dict[str, Any], entries).items() if is_map else entries)
    return [(key, parse_cid(value)) for key, value in pairs]


def bytes_of(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def cids_of(texts: Vectors) -> set[CID]:
    return {parse_cid(text) for text in texts}


def value_of(shown: Vectors) -> Value:
    """A DAG-CBOR value as vectors show it: links as {"/": cid}, bytes as {"hex": …}."""
    match shown:
        case [*parts]:
            return [value_of(part) for part in parts]
        case {"/": str(cid)} if len(shown) == 1:
            return parse_cid(cid)
        case {"hex": str(text)} if len(shown) == 1:
            return bytes.fromhex(text)
        case {**parts}:
            return {key: value_of(part) for key, part in parts.items()}
        case _:
            return shown
