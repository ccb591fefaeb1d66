"""Benchmarks: records, a protocol and metrics, giving a report. The demo is the first."""
