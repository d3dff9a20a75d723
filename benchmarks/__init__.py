"""Benchmarks of tapead, for asv and for ``python benchmarks/report.py``."""
