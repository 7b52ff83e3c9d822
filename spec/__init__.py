"""The formats, in prose and vectors; `python -m spec.replay` proves the code against them."""
