"""Forecasters: one model or one family a file."""
