"""What can go wrong in the agent, whose fault it is, and what to do; the text is one sentence for the user.

AgentError
├── IdentityError              who the account is, or where it lives: see identity_errors.py
├── HostRefused                we refuse to connect: not HTTPS, not a public address (T4)
├── HostUnreachable            no connection, a dropped one, or one too slow; transient
├── HostError                  an answer with an error, or one that makes no sense
│   ├── RateLimited            429, and the waiting we are ready to do is used up; transient
│   ├── ResponseTooLarge       more bytes than the limit of the request
│   ├── BlobNotFound           the host does not have this blob
│   └── TokenRefused           the token has expired; handled by refreshing it once
├── AccountError               the host does not serve this account
│   ├── AccountNotFound        this host has no such repository
│   └── AccountInactive        only its owner may still read it, when logged in
│       ├── AccountDeactivated
│       ├── AccountTakendown
│       └── AccountSuspended
├── SessionError               what needs the owner cannot be done: see session_errors.py
├── BackupRefused              what the host serves cannot be proved whole; nothing was recorded
│   └── StaleHost              it serves an older commit than the one that is backed up
├── SnapshotNotFound           no snapshot fits what was asked for
│   └── NoSnapshots            there are none at all
├── SnapshotAmbiguous          snapshots of several accounts fit
├── SnapshotUnclear            what was asked for begins several of them
├── SnapshotsUnrelated         two snapshots to compare are of two accounts
├── RestoreRefused             the target folder is in use, or the snapshot is damaged
├── RecordNotFound             the snapshot has no such record
├── InvalidRecipient           not a public key that age can seal to
├── SealedForOthers            this agent's key does not open it
├── KeyNotWritten              the file for the agent's key is there already, or cannot be made
├── DelegationError            a delegation cannot be read, kept, made or found
├── RetentionInvalid           a rule of what to keep makes no sense, or none is there
├── PruneRefused               nothing was pruned: what must stay cannot be told
├── PhraseInvalid              not the 24 words of a space's key
├── SpaceKeyUnknown            the key of a space is not on this machine
├── SpaceUnclear               which space it is cannot be told from the keys that are here
├── HomeUnusable               SKYPAIL_HOME cannot be read or written
└── SettingInvalid             a variable of the environment makes no sense
"""

from __future__ import annotations

from pathlib import Path


class AgentError(Exception):
    """Any error of this package."""

    transient = False
    """Whether the same request may succeed a little later."""

    retry_after_s: float | None = None
    """Seconds the host asks to wait before the next attempt, when it says so."""


class HostRefused(AgentError):
    """The guard of outgoing requests said no; nothing was sent (T4). host: empty if it cannot be told."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"refused to connect to {host[:253]!r}: {why}" if host else why)
        self.host, self.why = host, why


class HostUnreachable(AgentError):
    transient = True

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"host {host} cannot be reached: {why}; try again later")
        self.host, self.why = host, why


class HostError(AgentError):
    """The host answered, and the answer is an error or makes no sense."""

    def __init__(self, host: str, why: str, *, status: int = 0, name: str = "") -> None:
        """status: of the HTTP answer, 0 when not the matter; name: the XRPC error's, if any."""
        later = "; try again later" if status in TRANSIENT_STATUSES else ""
        super().__init__(f"host {host}: {why}{later}")
        self.host, self.why, self.status, self.name = host, why, status, name
        self.transient = status in TRANSIENT_STATUSES


TRANSIENT_STATUSES = frozenset({408, 500, 502, 503, 504})
"""Answers after which the same request may succeed; 429 is RateLimited."""


class RateLimited(HostError):
    def __init__(self, host: str, retry_after_s: float | None) -> None:
        wait = "later" if retry_after_s is None else f"in {retry_after_s:.0f} seconds"
        super().__init__(host, f"too many requests; try again {wait}", status=429)
        self.transient, self.retry_after_s = True, retry_after_s


class ResponseTooLarge(HostError):
    def __init__(self, host: str, limit_bytes: int) -> None:
        super().__init__(host, f"its answer is larger than the limit of {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class BlobNotFound(HostError):
    def __init__(self, host: str, cid: str) -> None:
        super().__init__(host, f"it does not have the blob {cid}", status=400, name="BlobNotFound")
        self.cid = cid


class TokenRefused(HostError):
    """The host takes this token no more; a fresh one may do."""

    def __init__(self, host: str, why: str, *, status: int = 0, name: str = "") -> None:
        super().__init__(host, f"{why}; if it goes on, `skypail login` again", status=status, name=name)


class AccountError(AgentError):
    """The host that the DID document names does not serve the account."""

    why = "is not served"
    advice = "try again later"

    def __init__(self, did: str, host: str) -> None:
        super().__init__(f"account {did} {self.why} by host {host}; {self.advice}")
        self.did, self.host = did, host


class AccountNotFound(AccountError):
    why = "is not known"
    advice = "it may have been deleted, or be moving to another host"


class AccountInactive(AccountError):
    """Only the owner's own session may still read it."""

    advice = "its owner may still back it up after `skypail login`"


class AccountDeactivated(AccountInactive):
    why = "is deactivated, so it is not served"


class AccountTakendown(AccountInactive):
    why = "was taken down"


class AccountSuspended(AccountInactive):
    why = "is suspended"


class BackupRefused(AgentError):
    """What the host serves cannot be proved whole: nothing was recorded, the space is as before."""

    def __init__(self, did: str, why: str) -> None:
        super().__init__(f"the repository of {did} does not verify: {why}; nothing was recorded")
        self.did = did


class StaleHost(BackupRefused):
    def __init__(self, did: str, served: str, known: str) -> None:
        super().__init__(did, f"the host serves revision {served}, older than {known} which is backed up")
        self.served, self.known = served, known


class SnapshotNotFound(AgentError):
    def __init__(self, selector: str, account: str | None) -> None:
        of = f" of {account}" if account else ""
        super().__init__(f"no snapshot {selector!r}{of}; `skypail snapshots` lists those there are")
        self.selector, self.account = selector, account


class NoSnapshots(SnapshotNotFound):
    def __init__(self, account: str | None) -> None:
        of = f" of {account}" if account else ""
        AgentError.__init__(self, f"there are no snapshots{of} yet; `skypail backup ACCOUNT` makes one")
        self.selector, self.account = "", account


class SnapshotAmbiguous(AgentError):
    def __init__(self, selector: str, accounts: list[str]) -> None:
        names = ", ".join(accounts[:5]) + (" …" if len(accounts) > 5 else "")
        super().__init__(
            f"{selector!r} fits snapshots of {len(accounts)} accounts ({names}); name one with --account"
        )
        self.selector, self.accounts = selector, accounts


class SnapshotUnclear(AgentError):
    def __init__(self, selector: str, timestamps: list[str]) -> None:
        names = ", ".join(timestamps[:5]) + (" …" if len(timestamps) > 5 else "")
        super().__init__(f"{len(timestamps)} snapshots begin with {selector!r} ({names}); name one in full")
        self.selector, self.timestamps = selector, timestamps


class SnapshotsUnrelated(AgentError):
    def __init__(self, old: str, new: str) -> None:
        super().__init__(f"one snapshot is of {old} and the other of {new}; compare two of one account")


class RestoreRefused(AgentError):
    """Nothing was written."""


class RecordNotFound(AgentError):
    def __init__(self, path: str, advice: str) -> None:
        super().__init__(f"the snapshot has no record {path[:600]!r}; {advice}")
        self.path = path


class InvalidRecipient(AgentError, ValueError):
    def __init__(self, text: str) -> None:
        super().__init__(f"{text[:80]!r} is no recipient of age; write it like age1… or ssh-ed25519 …")
        self.text = text


class SealedForOthers(AgentError):
    def __init__(self) -> None:
        super().__init__("this agent's key does not open what is sealed; use the key it was sealed to")


class KeyNotWritten(AgentError):
    def __init__(self, path: Path, why: OSError) -> None:
        super().__init__(f"the key was not written to {path}: {why.strerror}; name a new file")
        self.path = path


class DelegationError(AgentError, ValueError):
    """A delegation cannot be read, kept, made or found; the text says which, and what to do."""


class RetentionInvalid(AgentError, ValueError):
    """The text says which rule, and what it may be."""


class PruneRefused(AgentError):
    def __init__(self, why: str) -> None:
        super().__init__(f"nothing was pruned: {why}")
        self.why = why


class PhraseInvalid(AgentError, ValueError):
    def __init__(self, why: str) -> None:
        super().__init__(f"this is not the phrase of a space's key: {why}")


class SpaceKeyUnknown(AgentError):
    def __init__(self, did: str) -> None:
        super().__init__(
            f"the key of the space {did} is not on this machine; `skypail space key import` takes its phrase"
        )
        self.did = did


class SpaceUnclear(AgentError):
    def __init__(self, dids: list[str]) -> None:
        many = (
            f"{len(dids)} keys of spaces are here; name one with --did"
            if dids
            else "no key of a space is here"
        )
        super().__init__(f"{many}; `skypail space key import` takes the key of this one")
        self.dids = dids


class HomeUnusable(AgentError):
    def __init__(self, path: Path, why: Exception) -> None:
        reason = getattr(why, "strerror", None) or str(why)
        super().__init__(f"{path} cannot be used: {reason}; set SKYPAIL_HOME to a folder of yours")
        self.path = path


class SettingInvalid(AgentError):
    def __init__(self, name: str, value: str, form: str) -> None:
        super().__init__(f"the variable {name} is {value[:200]!r}; write it like {form}, or unset it")
        self.name, self.value = name, value
