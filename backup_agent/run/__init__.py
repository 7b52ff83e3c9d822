"""The backup run: what the account has that the space has not, proved whole, then recorded."""

from backup_agent.run.backup import Outcome, back_up
from backup_agent.run.context import Preferences, Run

__all__ = ["Outcome", "Preferences", "Run", "back_up"]
