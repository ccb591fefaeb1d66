"""Jobs: the resumable map over records."""
