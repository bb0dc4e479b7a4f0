"""Numbers that several kernels share."""

from __future__ import annotations

LARGEST = 1e100  # what is larger is as good as infinite: its square in a sum of squares would overflow
SMALLEST = 1e-100  # and what is smaller is as good as silence: its square would lose its digits, or vanish
SPREAD = 1.2533141373155003  # standard deviation over mean absolute deviation, for a Gaussian
