"""Which recursive filter for a plant with poles: ``python -m benchmarks.poles`` runs all with their defaults.

Eight plants of order 2 to 4, white input and input coloured by a pole at 0.9, five seeds, noise beside d. Settled: from
then on the mean of 200 squared errors, against d without its noise, stays below 1 % of the power of d.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy import signal

import streammse as sm

SAMPLES, AVERAGE, SHARE = 20_000, 200, 0.01


def pairs(*polar: float) -> np.ndarray:
    """The polynomial of poles at these radii and angles, and at their conjugates."""
    one = np.array(polar).reshape(-1, 2)
    up = one[:, 0] * np.exp(1j * one[:, 1])
    return np.poly(np.r_[up, up.conj()]).real


PLANTS = {
    "resonance": ([1.0], [1.0, -1.6, 0.8]),
    "wide": ([0.5, -0.3, 0.2], [1.0, -1.2, 0.7]),
    "narrow": ([0.1], [1.0, -1.85, 0.95]),
    "real": ([1.0, 0.3, -0.2], np.poly([0.9, -0.5])),
    "third": ([1.0, 0.4, 0.2], np.convolve(pairs(0.64, 0.67), [1.0, -0.8])),
    "fourth": ([1.0, -0.5, 0.3, 0.1], pairs(0.9, 0.5, 0.85, 1.8)),
    "butterworth": signal.butter(4, 0.3),
    "chebyshev": signal.cheby1(3, 1, 0.2),
}
FILTERS = (sm.GaussNewtonIIR, sm.SteiglitzMcBride, sm.EquationError, sm.OutputError, sm.SHARF)


def trial(cls, b, a, colour: float, noise: float, seed: int) -> tuple[int, float, int]:
    """Samples until it is settled, what is left of the power of d in the last quarter, divergences."""
    rng = np.random.default_rng(seed)
    x = signal.lfilter([np.sqrt(1.0 - colour**2)], [1.0, -colour], rng.standard_normal(SAMPLES))
    clean = signal.lfilter(b, a, x)
    f = cls(taps=len(a), poles=len(a) - 1)
    e = clean - f.run(x, clean + noise * clean.std() * rng.standard_normal(SAMPLES))
    power = np.mean(clean**2)
    late = np.flatnonzero(np.convolve(e**2, np.full(AVERAGE, 1.0 / AVERAGE), "valid") > SHARE * power)
    return int(late[-1]) + 1 if late.size else 0, float(np.mean(e[-SAMPLES // 4 :] ** 2) / power), f.diverged


def main() -> None:
    """A line for each filter and each noise."""
    warnings.simplefilter("ignore")
    print("noise / d   filter             settled   after: median, worst tenth   left: median, worst   divergences")
    for noise in (0.0, 0.1, 0.3):
        for cls in FILTERS:
            runs = [trial(cls, *plant, colour, noise, seed)
                    for plant in PLANTS.values() for colour in (0.0, 0.9) for seed in range(5)]  # fmt: skip
            after, left, diverged = map(np.array, zip(*runs, strict=True))
            print(
                f"{noise:9g}   {cls.__name__:18} {np.mean(after < 0.75 * SAMPLES):6.0%} {np.median(after):15.0f} "
                f"{np.quantile(after, 0.9):13.0f} {np.median(left):14.0e} {left.max():8.0e} {diverged.sum():13}"
            )


if __name__ == "__main__":
    main()
