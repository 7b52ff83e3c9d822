"""The work: fetch an account, prove it whole, store what is new, and give it back."""
