"""Floor 3: verbs. The only place where rooms meet."""
