"""A space at a provider: blobs that are named by their hash, and nothing else."""
