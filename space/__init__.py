"""Where blocks live: CAR shards with an index, and the folder clock."""
