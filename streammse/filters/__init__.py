"""Adaptive filters, one algorithm or one family a file."""
