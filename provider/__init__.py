"""A provider: hosts spaces of others, and their clocks; speaks the protocol that Storacha spoke."""

from provider.errors import ProviderError
from provider.policy import Quota
from provider.records import HostedSpace
from provider.store import ProviderStore, open_provider_store

__all__ = ["HostedSpace", "ProviderError", "ProviderStore", "Quota", "open_provider_store"]
