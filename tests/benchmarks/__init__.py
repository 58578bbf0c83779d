"""Benchmarks: ours, the peers and the limit side by side in one run; figures are ratios to the limit."""
