"""Credentials of an AWS profile that has no keys of its own: single sign-on, a role, a process.

Amazon's own library gets them and renews them; it comes with the extra `skypail[aws]`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from space.errors import SpaceUnavailable

if TYPE_CHECKING:
    from obstore.auth.boto3 import Boto3CredentialProvider

ASKED_EVERY = timedelta(minutes=5)
"""How long an answer counts: boto3 renews what it has ten minutes before it ends."""


def borrowed(profile: str) -> Boto3CredentialProvider:
    """What boto3 gets for `profile`, which is asked for once now. Raises SpaceUnavailable."""
    no_keys = f"the AWS profile {profile!r} has no keys of its own"
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        how = "for a role or single sign-on install skypail[aws]"
        raise SpaceUnavailable(f"{no_keys}; set AWS_ACCESS_KEY_ID, or {how}") from error
    try:
        provider = Boto3CredentialProvider(boto3.Session(profile_name=profile), ttl=ASKED_EVERY)
        provider()
    except (BotoCoreError, ClientError, ValueError) as error:
        raise SpaceUnavailable(
            f"{no_keys}, and none are given for it; set AWS_ACCESS_KEY_ID, or sign in (aws sso login)"
        ) from error
    return provider
