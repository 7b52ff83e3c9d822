"""What is stored: blocks, the map over them, and the Merkle clock. Pure: no I/O of any kind."""

from pail.cid import CAR, CID, DAG_CBOR, DAG_PB, RAW, cid_of, decode_cid, parse_cid, verify_block
from pail.dag_cbor import Block, Value, decode_dag_cbor, encode_block, encode_dag_cbor
from pail.errors import DecodeError, HashMismatch, InvalidKey, MissingBlock, NoHead, PailError, TooLarge
from pail.walk import Ask, AsyncReader, Hashed, Reader, Walk, fetch, run, run_async

__all__ = [
    "CAR",
    "CID",
    "DAG_CBOR",
    "DAG_PB",
    "RAW",
    "Ask",
    "AsyncReader",
    "Block",
    "DecodeError",
    "HashMismatch",
    "Hashed",
    "InvalidKey",
    "MissingBlock",
    "NoHead",
    "PailError",
    "Reader",
    "TooLarge",
    "Value",
    "Walk",
    "cid_of",
    "decode_cid",
    "decode_dag_cbor",
    "encode_block",
    "encode_dag_cbor",
    "fetch",
    "parse_cid",
    "run",
    "run_async",
    "verify_block",
]
