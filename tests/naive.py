"""Slow, readable twins of the fast kernels, in plain numpy: what each formula says, and nothing else."""

from __future__ import annotations

import numpy as np

# Gradient filters: w(n+1) = keep w(n) + mu gain(e, line)


def transversal(x, d, taps, mu, gain, keep=1.0):
    """Outputs, and the weights (m, taps), newest tap first, after each sample; x is (T, m)."""
    m = x.shape[1]
    line, w = np.zeros((m, taps)), np.zeros((m, taps))
    outputs, weights = [], []
    for t in range(len(d)):
        line = np.column_stack([x[t], line[:, :-1]])
        y = np.sum(w * line)
        outputs.append(y)
        w = keep * w + mu * gain(d[t] - y, line)
        weights.append(w)
    return np.array(outputs), np.array(weights)


def energies(x, taps, regulariser):
    """What a normalised filter divides by: the energy in the line, as if full at the start, and the regulariser.

    A sample counts for at most 100 times the average in the running power.
    """
    total = taps * x.shape[1]
    power, found = 0.0, []
    for t in range(len(x)):
        for k, value in enumerate(x[t] ** 2):
            seen = t * x.shape[1] + k + 1
            power += (min(value, 100.0 * power) - power) / seen if power else value / seen
        line = np.sum(x[max(0, t - taps + 1) : t + 1] ** 2)
        found.append(line + power * max(0, total - seen) + regulariser * total * power)
    return np.array(found)


# Metrics: a statistic of the pairs in a window, gathered anew for every sample


def members(d, window=None, halflife=None, seconds=None, halflife_seconds=None, time=None, weight=None):
    """For every sample the indices and weights of the pairs that its value rests on."""
    d = np.asarray(d, float)
    weight = np.ones(len(d)) if weight is None else np.asarray(weight, float)
    there = ~np.isnan(d) & (weight > 0)
    # a late stamp arrives at the newest; where pairs fade, the stamp of a missing one counts for nothing
    stamps = time if halflife_seconds is None else np.where(there, time, -np.inf)
    now = None if time is None else np.maximum.accumulate(stamps)
    for t in range(len(d)):
        i = np.arange(t + 1)
        w = weight[: t + 1].copy()
        if window is not None:
            keep = i > t - window
        elif seconds is not None:
            keep = now[: t + 1] > now[t] - seconds
        else:
            keep = np.ones(t + 1, bool)
        keep &= there[: t + 1]
        if halflife is not None:
            w *= 0.5 ** ((np.cumsum(there)[t] - np.cumsum(there[: t + 1])) / halflife)
        if halflife_seconds is not None and keep.any():
            w *= 0.5 ** ((now[: t + 1][keep].max() - now[: t + 1]) / halflife_seconds)
        yield i[keep], w[keep]


def metric(of, d, x, **over):
    """The curve of a metric: ``of(d, x, w)`` of the pairs in the window."""
    d, x = np.asarray(d, float), np.asarray(x, float)
    return np.array([of(d[i], x[i], w) if len(i) else np.nan for i, w in members(d, **over)])


def mean(v, w):
    return np.sum(w * v) / np.sum(w)


def mse(d, x, w):
    return mean((d - x) ** 2, w)


def mae(d, x, w):
    return mean(np.abs(d - x), w)


def mape(d, x, w):
    return mean(100 * np.abs((d - x) / d), w)


def smape(d, x, w):
    below = np.abs(d) + np.abs(x)
    return mean(200 * np.abs(d - x) / np.where(below == 0, 1, below), w)


def variance(d, w):
    return mean((d - mean(d, w)) ** 2, w)


def r2(d, x, w):
    return 1 - mse(d, x, w) / variance(d, w) if len(set(d)) > 1 else np.nan


def nrmse(d, x, w):
    return np.sqrt(mse(d, x, w) / variance(d, w)) if len(set(d)) > 1 else np.nan


def snr(d, x, w):
    return 10 * np.log10(mean(d**2, w) / mse(d, x, w))


def pinball(d, x, w, q):
    return mean(np.where(d >= x, q * (d - x), (1 - q) * (x - d)), w)


def scaled(d, x, measure, season, window=None):
    """Mean error over mean seasonal difference, both over the last W samples, before any root."""
    past = np.concatenate([np.full(season, np.nan), d[:-season]])
    out = []
    for t in range(len(d)):
        part = slice(0 if window is None else max(0, t - window + 1), t + 1)
        there, both = ~np.isnan(d[part]), ~np.isnan(d[part] - past[part])
        error = measure(d[part] - x[part])[there]
        step = measure(d[part] - past[part])[both]
        out.append(error.mean() / step.mean() if len(step) and step.mean() > 0 else np.nan)
    return np.array(out)


def by_size(d, x, w):
    """Squared errors and their weights, the smallest first; what is no number counts as infinite."""
    e = np.nan_to_num((d - x) ** 2, nan=np.inf, posinf=np.inf)
    order = np.argsort(e, kind="stable")
    return e[order], w[order]


def trimmed(d, x, w, trim):
    """Whole pairs are left out, from the largest down, while together they weigh no more than their share."""
    e, w = by_size(d, x, w)
    n, out = len(e), 0.0
    while n > 1 and out + w[n - 1] <= trim * np.sum(w) * (1 + 1e-12):
        n -= 1
        out += w[n]
    return mean(e[:n], w[:n])


def trimmed_share(d, x, w, trim):
    """Exactly the share is left out: of the pair at the cut a part."""
    e, w = by_size(d, x, w)
    n, out = len(e), trim * np.sum(w)
    while n > 1 and w[n - 1] <= out + 1e-12 * np.sum(w):
        n -= 1
        out -= w[n]
    w[n - 1] -= max(out, 0.0)
    return mean(e[:n], w[:n])


def trimmed_by_buckets_within(d, x, w, trim):
    """How much too large a mean by buckets of 1/16 octave may be, for the bucket of the cut and for rounding there."""
    e, w = by_size(d, x, w)
    keep = (1 - trim) * np.sum(w)
    cut = e[min(np.searchsorted(np.cumsum(w), keep * (1 - 1e-9)), len(e) - 1)]
    m, octave = np.frexp(e)
    bucket = 16 * octave + np.floor(32 * (m - 0.5))
    return cut / 64 * np.sum(w[bucket == bucket[e == cut][0]]) / keep, 1e-9 * cut


def median_of_means(d, x, blocks, **over):
    out = []
    for i, w in members(d, **over):
        each = [i % blocks == j for j in range(blocks)]
        with np.errstate(invalid="ignore", over="ignore"):
            means = [mean((d[i[k]] - x[i[k]]) ** 2, w[k]) for k in each if k.any()]
        out.append(np.median(np.nan_to_num(means, nan=np.inf, posinf=np.inf)) if means else np.nan)
    return np.array(out)


# State space models: the textbook's Kalman filter with dense matrices (Durbin and Koopman 2012, sections 4.3 and 5.2)


def kalman(y, Z, T, Q, H, a, P, P_inf=None, intercept=None):
    """Forecasts of each sample and the variances of their errors (infinite as long as they are diffuse)."""
    n = len(a)
    P_inf = np.zeros((n, n)) if P_inf is None else P_inf
    a, P = np.array(a, float), np.array(P, float)
    c = np.zeros(n) if intercept is None else intercept
    forecasts, variances = [], []
    for value in y:
        F, F_inf = Z @ P @ Z + H, Z @ P_inf @ Z
        forecasts.append(Z @ a)
        variances.append(np.inf if F_inf > 1e-10 else F)
        if np.isfinite(value):
            v, M, M_inf = value - Z @ a, P @ Z, P_inf @ Z
            if F_inf > 1e-10:
                a = a + M_inf * v / F_inf
                P = P - np.outer(M_inf, M) / F_inf - np.outer(M, M_inf) / F_inf + np.outer(M_inf, M_inf) * F / F_inf**2
                P_inf = P_inf - np.outer(M_inf, M_inf) / F_inf
            elif F > 0:
                a, P = a + M * v / F, P - np.outer(M, M) / F
        a, P, P_inf = T @ a + c, T @ P @ T.T + Q, T @ P_inf @ T.T
        if np.abs(P_inf).max() < 1e-9:  # what is left is rounding, and unit roots would let it grow
            P_inf = np.zeros((n, n))
    return np.array(forecasts), np.array(variances)


# Autoregression


def lag_rows(y, lags, trend="c", x=None):
    """The rows of the regression, the first of them for the sample after the longest lag, and their values."""
    y = np.asarray(y, float)
    first, t = max(lags), np.arange(len(y))
    columns = [np.ones(len(y)), t + 1.0][: ("n", "c", "ct").index(trend)]
    columns += [np.concatenate([np.full(lag, np.nan), y[: len(y) - lag]]) for lag in lags]
    columns += [] if x is None else list(np.asarray(x, float).T)
    return np.column_stack(columns)[first:], y[first:]


def autoregression(y, lags, trend="c", x=None, forgetting=1.0):
    """For every sample the forecast by weighted least squares over all rows before it, solved anew.

    A missing sample is no row, and its forecast takes its place.
    """
    y = np.array(y, float)
    missing = np.isnan(y)
    needs = (
        max(lags)
        + lag_rows(np.zeros(max(lags) + 1), lags, trend, None if x is None else x[: max(lags) + 1])[0].shape[1]
    )
    out = np.full(len(y), np.nan)
    for t in range(needs, len(y)):
        rows, values = lag_rows(y[: t + 1], lags, trend, None if x is None else x[: t + 1])
        there = ~missing[max(lags) : t]
        weight = np.sqrt(forgetting ** np.arange(there.sum())[::-1])
        if (~missing[:t]).sum() >= needs:
            w = np.linalg.lstsq(weight[:, None] * rows[:-1][there], weight * values[:-1][there], rcond=None)[0]
            out[t] = rows[-1] @ w
        if missing[t]:
            y[t] = out[t]
    return out


# Intermittent demand


def smoothed(values, alpha):
    """Exponential smoothing from the first value on; the last level."""
    level = values[0]
    for value in values[1:]:
        level = alpha * value + (1 - alpha) * level
    return level


def croston(y, alpha):
    """The forecast after the periods y."""
    at = np.flatnonzero(y)
    return smoothed(y[at], alpha) / smoothed(np.diff(at, prepend=-1), alpha) if len(at) else 0.0


def tsb(y, alpha, beta):
    """The forecast after the periods y."""
    return smoothed(y[y != 0], alpha) * smoothed(1.0 * (y != 0), beta) if y.any() else 0.0


# Ensembles: weights from the whole history of regrets, gathered anew for every sample


def ensemble(f, y, weigh, value, slope=None):
    """Outputs, and the weights after each sample; f is (T, K), NaN where an expert sleeps.

    ``value(e)`` is the loss; with its derivative ``slope(e)`` experts are judged by the linear part of the loss.
    """
    T, K = f.shape
    r, awake = np.zeros((T, K)), np.isfinite(f)
    judged = awake & np.isfinite(y)[:, None]
    w = np.full((T + 1, K), 1 / K)
    outputs = np.full(T, np.nan)
    for t in range(T):
        w[t] = w[t] if t == 0 else weigh(r[:t], w[:t], judged[:t])
        on = awake[t]
        if not on.any():
            continue
        part = w[t, on] if w[t, on].sum() > 0 else np.ones(on.sum())
        outputs[t] = np.sum(part * f[t, on]) / part.sum()
        if np.isfinite(y[t]):
            e = y[t] - outputs[t]
            r[t, on] = value(e) - value(y[t] - f[t, on]) if slope is None else slope(e) * (f[t, on] - outputs[t])
    return outputs, np.array([weigh(r[: t + 1], w[: t + 1], judged[: t + 1]) for t in range(T)])


def share(v):
    """Weights that sum to one."""
    return v / v.sum() if v.sum() > 0 else np.full(len(v), 1 / len(v))


def exponential_weights(eta):
    return lambda r, w, awake: share(np.exp(eta * (r.sum(0) - r.sum(0).max())))


def adahedge(r, w, awake):
    """eta = ln K over the sum of the mixability gaps."""
    gap, R = 0.0, r.sum(0)
    for r_s, w_s in zip(r, w, strict=True):
        if gap > 0:
            eta = np.log(r.shape[1]) / gap
            gap += max(0.0, np.log(np.sum(w_s * np.exp(eta * r_s))) / eta)
        else:
            gap += r_s[w_s > 0].max()
    if gap == 0:
        return share((R.max() == R).astype(float))
    eta = np.log(r.shape[1]) / gap
    return share(np.exp(eta * (R - R.max())))


def shrunk(r):
    """Each sample's regrets in proportion of what was the largest before it to what is now; and the largest."""
    E = np.maximum.accumulate(np.abs(r).max(1))
    before = np.concatenate([[0.0], E[:-1]])
    return r * (before / np.where(E > 0, E, 1))[:, None], before, E


def ml_poly(r, w, awake):
    q, _, E = shrunk(r)
    if E[-1] == 0:
        return share(np.ones(r.shape[1]))
    return share(np.maximum(q.sum(0), 0) / (E[-1] ** 2 + (q**2).sum(0)))


def shrunk_each(r):
    """Each sample's regrets times what leaves none above its expert's largest before; those largest, before and now."""
    E = np.maximum.accumulate(np.abs(r), axis=0)
    before = np.vstack([np.zeros(r.shape[1]), E[:-1]])
    c = np.where(before < E, before / np.where(E > 0, E, 1), 1).min(axis=1)
    return r * c[:, None], before, E


def boa(r, w, awake):
    q, before, E = shrunk_each(r)
    if not E.any():
        return share(np.ones(r.shape[1]))
    L = np.log(r.shape[1])
    V = np.cumsum(q**2, axis=0)
    eta_before = np.sqrt(L / np.where(before > 0, 4 * L * before**2 + V - q**2, 1))  # before = 0: then q = 0
    eta = np.sqrt(L / (4 * L * np.where(E[-1] > 0, E[-1], E[-1].max()) ** 2 + V[-1]))
    exponent = eta * np.sum(q - eta_before * q**2, axis=0)
    return share(eta * np.exp(exponent - exponent.max()))


def best_so_far(r, w, awake):
    n = awake.sum(0)
    mean = np.where(n > 0, r.sum(0) / np.maximum(n, 1), -np.inf)
    return share((mean == mean.max()).astype(float))


# The theta models


def theta(y, alpha, theta, level, line=None, h=0):
    """One-step forecasts and the next h values, by the recursions of Fiorucci et al.; without a line it is dynamic."""
    y, out = list(y), []
    known = len(y)
    mean, slope, intercept = 0.0, 0.0, 0.0
    for t in range(known + h):  # after t samples
        if line is not None:
            intercept, slope = line
        elif t > 0:
            before = mean
            mean = ((t - 1) * mean + y[t - 1]) / t
            if t > 1:
                slope = ((t - 2) * slope + 6.0 / t * (y[t - 1] - before)) / (t + 1)
            intercept = mean - (t + 1) / 2 * slope
        bend = (1 - alpha) ** t * intercept + (1 - (1 - alpha) ** (t + 1)) / alpha * slope
        out.append(level + (1 - 1 / theta) * bend)
        if t >= known:
            y.append(out[t])
        level = alpha * y[t] + (1 - alpha) * level
    return np.array(out)


def straight(values):
    """The least-squares line through equally spaced values, at the next one, and its slope; of one value, the value."""
    if len(values) == 1:
        return values[0], 0.0
    slope, last = np.polyfit(np.arange(len(values)) - len(values) + 1.0, values, 1)
    return last + slope, slope


def gradient_autoregression(y, lags, mu, score, memory=200, regulariser=1e-3, trend="c", x=None):
    """Normalised descent on the deviations from a running level; a missing sample is its forecast.

    A line ("ct") is meant to be within its memory, where it is least squares through all so far.
    """
    x = np.zeros((len(y), 0)) if x is None else x
    m = x.shape[1]
    past, line, w, v, out = [], [], np.zeros(len(lags)), np.zeros(m), []
    mean, powers, rows = np.zeros(m), np.zeros(m), 0
    level = slope = power = size = seen = errors = 0.0
    for value, beside in zip(y, x, strict=True):
        forecast, known, whole = np.nan, not np.isnan(value), not np.isnan(beside).any()
        z = np.nan_to_num(beside - mean)
        if len(past) >= max(lags):
            u = np.array([past[-lag] - (level - slope * lag) for lag in lags])
            forecast = level + w @ u + v @ z
            if known and whole:
                e = value - forecast
                size = size or abs(e)
                step = np.clip(size * score(e / size), -max(abs(e), size), max(abs(e), size))
                share = np.divide(power, powers, out=np.zeros(m), where=powers > 0)
                below = u @ u + z**2 @ share + regulariser * (len(lags) + m) * power
                w = w + mu * step * u / below
                v = v + mu * step * z * share / below
                errors = min(errors + 1, memory)
                size += (min(np.sqrt(np.pi / 2) * abs(e), 10 * size) - size) / errors
        if known:
            seen = min(seen + 1, memory)
            off = value - level
            if seen == 1 and trend != "n":
                level, line = value, [value]
            else:
                off = np.clip(off, -10 * np.sqrt(power), 10 * np.sqrt(power)) if power else off
                power = power + (off**2 - power) / seen if power else off**2
                line.append(level + off)
                level = {"n": 0.0, "c": level + off / seen}.get(trend, level)
            if trend == "ct":
                level, slope = straight(line)
            if whole and m:
                rows = min(rows + 1, memory)
                limit = np.where(powers > 0, 10 * np.sqrt(powers), np.inf)
                z = np.clip(z, -limit, limit)
                if rows > 1:
                    powers = np.where(powers > 0, powers + (z**2 - powers) / rows, z**2)
                mean = mean + z / rows
        past.append(value if known else forecast)
        out.append(forecast)
    return np.array(out)


# Exponential smoothing: tables 2.2 and 2.3 of Hyndman et al. 2008, the error of its own kind


def ets(y, error, trend, seasonal, m, alpha, beta, gamma, phi, level, slope, season):
    """One-step forecasts, and the last level, slope and season (the next phase first), from a start and weights."""
    forecasts, season = [], list(season)
    for value in y:
        q = {"N": level, "A": level + phi * slope, "M": level * slope**phi if trend == "M" else 0.0}[trend]
        grown = {"N": slope, "A": phi * slope, "M": slope**phi if trend == "M" else 0.0}[trend]
        c = season[0] if seasonal != "N" else None
        mean = {"N": q, "A": q + c if seasonal == "A" else 0.0, "M": q * c if seasonal == "M" else 0.0}[seasonal]
        forecasts.append(mean)
        e = 0.0 if np.isnan(value) else value - mean
        if error == "M":  # the table in terms of the relative error
            e = e / mean * mean
        seen = e / c if seasonal == "M" else e
        before, level = level, q + alpha * seen
        slope = {"N": slope, "A": grown + beta * seen, "M": grown + beta * seen / before}[trend]
        if seasonal != "N":
            season = [*season[1:], c + gamma * (e if seasonal == "A" else e / q)]
    return np.array(forecasts), level, slope, season


# Affine projection: the last desired samples that are known, met at once


def affine_projection(x, d, taps, order, mu, regulariser, threshold=0.0):
    """Outputs, and the weights (m, taps), newest tap first, after each sample; x is (T, m).

    A row keeps the regulariser of its sample. ``threshold`` is relative to the running rms of d.
    """
    m = x.shape[1]
    n = taps * m
    line, w = np.zeros((m, taps)), np.zeros(n)
    rows, desired, added = np.zeros((order, n)), np.full(order, np.nan), np.zeros(order)
    total = energies(x, taps, regulariser)
    outputs, weights = [], []
    for t in range(len(d)):
        line = np.column_stack([x[t], line[:, :-1]])
        u = line.ravel()
        rows, desired = np.vstack([u, rows[:-1]]), np.append(d[t], desired[:-1])
        added = np.append(total[t] - u @ u, added[:-1])
        outputs.append(w @ u)
        gamma = threshold * np.sqrt(np.nanmean(d[: t + 1] ** 2)) if threshold else 0.0
        known = ~np.isnan(desired)
        if known[0] and abs(d[t] - w @ u) >= gamma:
            a = rows[known]
            e = desired[known] - a @ w
            e = e - np.clip(e, -gamma, gamma)
            w = w + mu * a.T @ np.linalg.solve(a @ a.T + np.diag(added[known]), e)
        weights.append(w.reshape(m, taps))
    return np.array(outputs), np.array(weights)


# The Kalman filter: as the textbook has it, with an inverse


def kalman_filter(z, F, H, Q, R, x, P, B=None, u=None):
    """Filtered states (T, n), the last P, the log-likelihood, the last innovation and its covariance."""
    states, likelihood = [], 0.0
    for t in range(len(z)):
        if t > 0:
            x = F @ x + (0.0 if B is None else B @ u[t])
            P = F @ P @ F.T + Q
        there = ~np.isnan(z[t])
        h = H[there]
        e, S = z[t][there] - h @ x, h @ P @ h.T + R[np.ix_(there, there)]
        K = P @ h.T @ np.linalg.inv(S)
        x, P = x + K @ e, P - K @ h @ P
        likelihood -= 0.5 * (there.sum() * np.log(2 * np.pi) + np.linalg.slogdet(S)[1] + e @ np.linalg.inv(S) @ e)
        states.append(x)
    return np.array(states), P, likelihood, e, S
