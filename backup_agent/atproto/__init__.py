"""The formats of atproto, verified: identities, commits, trees, records. Pure."""
