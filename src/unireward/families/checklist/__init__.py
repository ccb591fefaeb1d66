"""Many yes-or-no questions about a candidate, weighed together."""
