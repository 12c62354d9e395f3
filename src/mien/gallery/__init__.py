"""Remember people: durable records, exact and approximate search, corrections, erasure."""
