"""State that outlives a call and may be shared by processes: money, pace and news about targets. In memory, in SQLite or in Redis."""
