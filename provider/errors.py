"""What can go wrong in a provider, and whose fault it is.

ProviderError                          names are those of the original, where it has one
├── InsufficientStorage                  the space is not hosted, or this is more than its quota
├── BlobSizeOutsideOfSupportedRange      larger than any blob may be, or empty of meaning: below 0
├── DigestNotSupported                   not named by a sha2-256
├── AllocatedMemoryHadNotBeenWrittenTo   accepted before the bytes came, or after they were given up
├── AllocationNotFound                   no room was ever promised for that, or too long ago
├── ReceiptNotValid                      a receipt of the put by somebody else than its principal
├── BlobNotFound                         the space does not hold it
├── UploadNotFound                       the space does not list it
├── IndexNotFound, ShardNotFound         an index that is not in the space, or is of what is not
├── IndexWrong                           the index says of a blob what is not so
├── TooMuch                              a limit named in its module was passed
├── DelegationNotFound                   a delegation that is named did not come along
├── SpaceUnknown, SpaceAlreadyProvisioned, InvalidProvider, PlanNotFound, AccountBlocked, NotOpen
├── UploadRefused                        an HTTP PUT of which nothing was kept: the URL is none of ours
│   ├── UploadExpired                      allocate again
│   ├── WrongLength, WrongHash             these are not the bytes that were announced
│   └── UploadInterrupted                  they stopped, or came too slowly
├── Unauthorized                         nothing that was shown lets one read that
├── BadRequest, RangeNotSatisfiable      a request for bytes that makes no sense
├── TooManyReaders                       of whole DAGs at once; come again (an AskAgain)
├── BlockNotFound                        no index says where it is, in what one may read
├── BlobDamaged                          the object store holds other bytes than were accepted
└── BlobsUnavailable                     the object store does not answer; ask again (a StoreUnavailable)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clock_service.errors import AskAgain, ClockServiceError, StoreUnavailable
from pail import CID, RAW, Value
from pail.cid import cid_prefix


class ProviderError(ClockServiceError):
    """Any error of this package; its class is its name in a receipt. Nothing was changed."""

    @property
    def details(self) -> Mapping[str, Value]:
        """What else the receipt tells."""
        return {}


class InsufficientStorage(ProviderError):
    """`space` has no room for this, or none at all."""


class BlobSizeOutsideOfSupportedRange(ProviderError):
    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"Blob of {size} bytes, exceeds size limit of {limit} bytes")
        self.size = size
        self.limit = limit

    @property
    def details(self) -> Mapping[str, Value]:
        return {"size": self.size, "max": self.limit}


class DigestNotSupported(ProviderError):
    def __init__(self) -> None:
        super().__init__("a blob is named by the multihash of its sha2-256")


class AllocatedMemoryHadNotBeenWrittenTo(ProviderError):
    """Send the bytes, then conclude again."""

    def __init__(self) -> None:
        super().__init__("Blob not found: its bytes have not arrived")


class AllocationNotFound(ProviderError):
    """Invoke `space/blob/add` again."""

    def __init__(self) -> None:
        super().__init__("no room is promised for that; invoke space/blob/add again")


class ReceiptNotValid(ProviderError):
    """Sign the receipt of the put with the key that the task's fact `keys` tells."""

    def __init__(self) -> None:
        super().__init__("the receipt is not signed by the principal of the http/put task")


class _Digest(ProviderError):
    """An error about the blob `digest`, a multihash."""

    what = "blob not found"

    def __init__(self, digest: bytes) -> None:
        super().__init__(f"{self.what}: {CID(cid_prefix(RAW)[:-2] + digest)}")
        self.digest = digest

    @property
    def details(self) -> Mapping[str, Value]:
        return {"digest": self.digest}


class BlobNotFound(_Digest):
    """The space does not hold it."""


class IndexNotFound(_Digest):
    """Add it to the space as a blob first."""

    what = "index not found in the space"


class ShardNotFound(_Digest):
    """Add the shard to the space first."""

    what = "shard not found in the space"


class BlobDamaged(_Digest):
    """Put the blob again where it came from."""

    what = "the store holds other bytes than were accepted"


class BlockNotFound(_Digest):
    """It may be in a blob of which no index was added."""

    what = "block not found"


class Unauthorized(ProviderError):
    """Show a delegation, or ask for less. causes: names of what is wrong with that which was shown."""

    def __init__(self, why: str, causes: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.causes = tuple(causes)


class BadRequest(ProviderError):
    """Ask for something that there can be."""


class RangeNotSatisfiable(ProviderError):
    """The range begins behind the end of `size` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range begins behind the last of {size} bytes")
        self.size = size


class UploadNotFound(ProviderError):
    """The space lists no upload of that root."""


class IndexWrong(ProviderError):
    """It is no index, or what it says is not so."""


class TooMuch(ProviderError):
    """A limit was passed."""


class DelegationNotFound(ProviderError):
    """Send it along as a proof."""


class SpaceUnknown(ProviderError):
    """Not hosted here."""


class SpaceAlreadyProvisioned(ProviderError):
    """Nothing is left to do."""


class InvalidProvider(ProviderError):
    """Another provider was named."""


class NotOpen(ProviderError):
    """The operator adds spaces; ask him."""


class AccountBlocked(ProviderError):
    """Too many mails to that address, or from here; later."""


class PlanNotFound(ProviderError):
    """There are no plans here, and none are needed."""


class UploadRefused(ProviderError):
    """Nothing of an HTTP PUT was kept. status: of the response."""

    status = 404

    def __init__(
        self, why: str = "this is no URL to upload to; use that of the blob/allocate receipt"
    ) -> None:
        super().__init__(why)


class UploadExpired(UploadRefused):
    """Its time is over."""

    status = 410

    def __init__(self) -> None:
        super().__init__("the time to upload is over; invoke space/blob/add again")


class WrongLength(UploadRefused):
    """Put exactly as many bytes as were announced."""

    status = 400

    def __init__(self, size: int, wanted: int) -> None:
        super().__init__(f"{size} bytes came, not the {wanted} that were announced")


class WrongHash(UploadRefused):
    """Put the bytes that were announced."""

    status = 400

    def __init__(self) -> None:
        super().__init__("the bytes do not hash to the digest that was announced")


class UploadInterrupted(UploadRefused):
    """Put the whole again; the URL is still good."""

    status = 408


class TooManyReaders(ProviderError, AskAgain):
    """Come again a little later."""

    retry_after_s = 10
    told = "too many CARs are read at once; come again"

    def __init__(self) -> None:
        super().__init__(self.told)


class BlobsUnavailable(ProviderError, StoreUnavailable):
    """Where the blobs are cannot be reached, or is full. Asking again is safe."""
