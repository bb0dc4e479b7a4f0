"""What holds for the whole suite."""

from __future__ import annotations

import gc

# Thousands of tests and their compilers live in one process: to look through all of it as often as a small program
# needs is a tenth of the suite's time.
gc.set_threshold(50_000, 20, 50)
