"""What is checked before an account is scheduled, and how it then stands in the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import time

from backup_agent.errors import HostRefused
from backup_agent.net import check_url
from backup_agent.period import period_text
from backup_agent.server import account_rows, revocation_rows, share_rows
from backup_agent.server.account import Account
from backup_agent.server.admission import check_exact, proofs, view_all
from backup_agent.server.capabilities import Asked
from backup_agent.server.database import Database
from backup_agent.server.errors import BadSchedule, NotScheduled, PlaceRefused, SpaceRefused
from backup_agent.server.limits import Limits
from backup_agent.server.places import Places
from backup_agent.server.schedule import MAX_EVERY_S, Schedule, State
from clock_service.session import Session
from pail import CID
from ucan import Delegation, Revocation, Signer, answer_async
from ucan.questions import Keys


async def _no_keys(did: str) -> Keys:
    return ()


@dataclass(frozen=True, slots=True)
class Scheduling:
    """Takes schedules on. signer: the server's key. allow_private: as for all outgoing requests.

    spaces: whose accounts; none for all.
    """

    database: Database
    signer: Signer
    places: Places
    limits: Limits
    allow_private: bool
    spaces: Sequence[str] = ()
    now: Callable[[], float] = time

    async def schedule(self, space: str, asked: Asked, blocks: Mapping[CID, bytes]) -> Account:
        """The account as scheduled, or scheduled anew. Raises Refused with the reason."""
        if self.spaces and space not in self.spaces:
            raise SpaceRefused(space)
        schedule = await self._completed(space, asked.schedule)
        self._check(schedule, space)
        delegations = view_all(asked.delegations, blocks)
        expires_s = check_exact(self.signer.did, space, schedule, delegations)
        await answer_async(
            proofs(self.signer, space, schedule, delegations, int(self.now())),
            keys_of=_no_keys,
            revocations_of=self._revocations_of,
        )
        return await self.database.ask(
            lambda session: self._store(session, space, schedule, delegations, expires_s, asked.is_renewal)
        )

    async def _completed(self, space: str, schedule: Schedule) -> Schedule:
        """With the credentials that are here already, if it is the same place and they were left out."""
        if schedule.place.sealed is not None:
            return schedule
        known = await self.database.ask(lambda session: account_rows.find(session, space, schedule.account))
        if known is None or known.schedule.place.url != schedule.place.url:
            return schedule
        return replace(schedule, place=replace(schedule.place, sealed=known.schedule.place.sealed))

    def _check(self, schedule: Schedule, space: str) -> None:
        low, high = self.limits.min_every_s, MAX_EVERY_S
        if not low <= schedule.every_s <= high:
            least, most = period_text(low), period_text(high)
            raise BadSchedule(f"runs may be from {least} to {most}, not {period_text(schedule.every_s)}")
        if schedule.until_s is not None and schedule.until_s <= self.now():
            raise BadSchedule("the schedule's end is past")
        self.places.check(schedule.place, space)
        if schedule.place.is_provider and schedule.clock is None:
            raise BadSchedule("a provider keeps no heads but its clock's; name the clock of the space")
        if schedule.clock is not None:
            try:
                check_url(schedule.clock.url, allow_private=self.allow_private)
            except HostRefused as error:
                raise PlaceRefused(f"the clock's URL: {error}") from error

    async def _revocations_of(self, ucans: Sequence[CID]) -> list[Revocation]:
        return await self.database.ask(lambda session: revocation_rows.revocations(session, ucans))

    def _store(
        self,
        session: Session,
        space: str,
        schedule: Schedule,
        delegations: Sequence[Delegation],
        expires_s: int,
        is_renewal: bool,
    ) -> Account:
        known = account_rows.find(session, space, schedule.account, lock=True)
        if is_renewal and (known is None or known.state is State.ENDED):
            raise NotScheduled(schedule.account)
        place, clock = self.places.domain_of(schedule.place, space), schedule.clock
        now_ms = int(self.now() * 1000)
        if known is None:
            self.limits.check_number(account_rows.count(session), account_rows.count(session, space))
            number = account_rows.add(session, space, schedule, expires_s=expires_s, next_due=now_ms)
        else:
            number = known.id
            goes_on = known.state is State.ACTIVE and known.schedule.every_s == schedule.every_s
            next_due = known.next_due if goes_on else now_ms
            account_rows.replace(session, known, schedule, expires_s=expires_s, next_due=next_due)
        revocation_rows.store(session, number, delegations)
        share_rows.note(session, number, place, None if clock is None else share_rows.domain_of(clock.url))
        stored = account_rows.load(session, number)
        assert stored is not None
        return stored
