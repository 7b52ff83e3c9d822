"""A recorded account of the reference PDS, and a small loopback host that serves it as that PDS did."""
