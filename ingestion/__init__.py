"""Files to searchable documents: source → parse → chunk → encode → store."""
