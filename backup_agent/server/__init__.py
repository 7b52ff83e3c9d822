"""The server agent: other people's accounts, backed up into their spaces by delegation, on schedule."""
