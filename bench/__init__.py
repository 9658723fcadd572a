"""Benchmarks: each row beside its reference in the same run, so that the ratio means something on a noisy machine."""
