"""Benchmarks: run by `make bench`, printed as ratios against a baseline measured in the same run."""
