"""Rewards: records to judgments."""
