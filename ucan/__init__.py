"""Who may do what: principals, by their keys."""
