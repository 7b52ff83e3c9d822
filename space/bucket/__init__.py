"""A space in a bucket: S3 and its kin, Google Cloud Storage, Azure."""
