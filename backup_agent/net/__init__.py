"""Outgoing HTTP under guard: public hosts alone, bounded in size and time, tried again politely (T4)."""

from backup_agent.net.client import Http
from backup_agent.net.dial import Lookup, system_lookup
from backup_agent.net.messages import Answer, Request, Stream, Upload
from backup_agent.net.retry import Retry
from backup_agent.net.url import check_url

__all__ = ["Answer", "Http", "Lookup", "Request", "Retry", "Stream", "Upload", "check_url", "system_lookup"]
