"""Every adaptive filter identifies one plant: the learning curves of the textbooks, and what theory says beside them.

The plant is a room response of 16 taps, most of them small. White Gaussian noise drives it, and what comes out is
measured with noise 30 dB below the input. Each curve is the mean over independent realisations, as textbooks draw it,
and dashed beside it is theory where there is one: for the gradient filters the curve that ``sm.predict_mse`` computes
(Feuer and Weinstein 1985; Al-Naffouri and Sayed 2003), for least squares and affine projection the steady state of the
closed forms (Haykin ch. 10; Shin and Sayed 2004).

The figures to be reached: where there is a theory, the steady state is within 0.5 dB of it, and no filter ends more
than 3 dB above the noise floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import streammse as sm

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

TAPS = 16
RUNS, SAMPLES = 60, 4000
NOISE = 10 ** (-30 / 20)
NEAR, ABOVE = 0.5, 3.0  # dB from theory, and above the noise floor
SMOOTH = 25  # samples over which a curve is drawn

#: what each panel shows: filters by name
PANELS: dict[str, dict[str, sm.NLMS]] = {
    "The square, descended": {
        "LMS": sm.LMS(TAPS, mu=0.02),
        "NLMS, mu = 1": sm.NLMS(TAPS, mu=1.0),
        "NLMS, mu = 0.3": sm.NLMS(TAPS, mu=0.3),
        "leaky LMS": sm.LeakyLMS(TAPS, mu=0.02, leak=1e-4),
    },
}


@dataclass(frozen=True)
class Outcome:
    """One filter: measured, and as theory has it."""

    panel: str
    curve: Array  #: MSE by sample, over the realisations
    steady: float  #: MSE over the last quarter
    cost: float  #: nanoseconds a sample
    misalignment: float  #: dB, at the end
    predicted: Array | None = None  #: curve
    theory: float | None = None  #: steady state

    @property
    def off(self) -> float | None:
        """dB of the steady state above theory."""
        return None if self.theory is None else float(10.0 * np.log10(self.steady / self.theory))


