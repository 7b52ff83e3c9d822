"""Vector files replayed against the code: `python -m spec.replay FILE…`."""
