"""Packing: several replies about the same media as one sequence, the media encoded once."""
