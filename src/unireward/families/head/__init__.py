"""Models whose last layer gives numbers: how a head is shown a candidate."""
