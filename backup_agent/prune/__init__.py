"""Dropping snapshots that are not to be kept, and then what only they needed (S5): spec/prune.md."""
