"""A secp256k1 key that signs as accounts do: the demo's own. Real accounts' keys stay with their hosts."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ucan.multikey import SECP256K1, PublicKey, format_did_key

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True)
class K256Key:
    """secret: 32 bytes, a number from 1 to ORDER - 1."""

    secret: bytes = field(repr=False)

    @property
    def did(self) -> str:
        """The did:key that this key's signatures verify under."""
        point = self._key().public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return format_did_key(PublicKey(SECP256K1, point))

    def sign(self, payload: bytes) -> bytes:
        """r and s, 64 bytes, s in its low form."""
        r, s = decode_dss_signature(self._key().sign(payload, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")

    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self.secret, "big"), ec.SECP256K1())
