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


# Complex filters: conjugates where the textbook has them, and numpy's own complex numbers


def complex_transversal(x, d, taps, gain):
    """y = w^H u and w += gain(e, u) e* u: outputs, and the weights (m, taps) after each sample; x is (T, m)."""
    line, w = np.zeros((x.shape[1], taps), complex), np.zeros((x.shape[1], taps), complex)
    outputs, weights = [], []
    for t in range(len(d)):
        line = np.column_stack([x[t], line[:, :-1]])
        y = np.sum(np.conj(w) * line)
        outputs.append(y)
        if np.isfinite(d[t]):
            e = d[t] - y
            w = w + gain(e, t) * np.conj(e) * line
        weights.append(w)
    return np.array(outputs), np.array(weights)


# Filtered-x


def filtered_x(x, e, taps, mu, models, leak=0.0, regulariser=None):
    """Outputs and the weights (m, taps) after each sample; x is (T, m), e (T, M), models (M, L)."""
    T, m = x.shape
    as_heard = [[np.convolve(x[:, r], s)[:T] for r in range(m)] for s in models]
    w, outputs, weights, power, seen = np.zeros((m, taps)), [], [], 0.0, 0
    for t in range(T):
        lines = [[np.pad(one[: t + 1], (taps, 0))[: -taps - 1 : -1] for one in heard] for heard in (x.T, *as_heard)]
        outputs.append(np.sum(w * lines[0]))
        energy = 1.0
        if regulariser is not None:
            for r in range(m):
                for heard in as_heard:
                    value = heard[r][t] ** 2
                    if power or value:
                        seen += 1
                        power += (min(value, 100 * power) - power) / seen if power else value / seen
            most = m * taps * len(models)
            energy = np.sum(np.square(lines[1:])) + power * max(0, most - seen) + regulariser * most * power
        step = mu / energy if energy else 0.0
        w = (1 - mu * leak) * w - step * sum(e[t, k] * np.array(lines[k + 1]) for k in range(len(models)))
        weights.append(w)
    return np.array(outputs), np.array(weights)


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


# Variable steps: gains for ``transversal``, told the energies; squares of errors count relative to the power of d


def running_power(values):
    """The average of the squares so far, one of them counted for at most 100 times it."""
    power, found = 0.0, []
    for seen, square in enumerate(values**2, 1):
        power += (min(square, 100.0 * power) - power) / seen if power else square / seen
        found.append(power)
    return np.array(found)


def kwong_johnston(d, E, mu, rate, memory, smallest, largest):
    step, power, left = mu, iter(running_power(d)), iter(E)

    def gain(e, u):
        nonlocal step
        now, step = step, np.clip(memory * step + rate * e * e / next(power), smallest, largest)
        return now * e * u / next(left)

    return gain


def error_power():
    """The power of the errors before this one, each counting for at most a hundred times it."""
    P = 0.0

    def power(e):
        nonlocal P
        before, P = P, P + (min(e * e, 100.0 * P) - P) / 100.0 if P > 0.0 else e * e
        return before or np.inf

    return power


def mathews_xie(d, E, mu, rate, smallest, largest):
    step, power, left, before = mu, error_power(), iter(E), None

    def gain(e, u):
        nonlocal step, before
        P, below = power(e), next(left)
        if before is not None:
            e1, u1, below1 = before
            step = np.clip(step + rate * e * e1 / P * np.sum(u * u1) / below1, smallest, largest)
        before = e, u, below
        return step * e * u / below

    return gain


def gngd(d, E, average, mu, rate, regulariser):
    """E without the regulariser, and the average energy in the line."""
    r, power, left, unit, before = regulariser, error_power(), iter(E), iter(average), None

    def gain(e, u):
        nonlocal r, before
        P, energy, scale = power(e), next(left), next(unit)
        if before is not None:
            e1, u1, below1 = before
            r -= rate * mu * e * e1 / P * min(scale / below1, 4.0) * np.sum(u * u1) / below1
            r = np.clip(r, regulariser, 100.0)
        below = energy + r * scale
        before = e, u, below
        return mu * e * u / below

    return gain


def set_membership(d, E, mu, threshold):
    power, left = iter(running_power(d)), iter(E)

    def gain(e, u):
        gamma, below = threshold * np.sqrt(next(power)), next(left)
        return mu * max(0.0, 1.0 - gamma / abs(e)) * e * u / below

    return gain


# Recursive least squares


def regressors(x, taps):
    """The line at every sample, newest tap first, the taps of one reference after another: (T, m taps); x is (T, m)."""
    behind = np.vstack([np.zeros((taps - 1, x.shape[1])), x])
    rows = np.lib.stride_tricks.sliding_window_view(behind, taps, axis=0)[:, :, ::-1]
    return rows.reshape(len(x), -1)


def weighted_least_squares(rows, d, forgetting, prior):
    """The weights after the last row, by one decomposition; ``prior`` is the diagonal that stood before the first."""
    n = len(d)
    weight = np.sqrt(forgetting) ** np.arange(n - 1, -1, -1)
    ridge = np.sqrt(prior * forgetting**n)
    system = np.vstack([weight[:, None] * rows, np.diag(ridge)])
    return np.linalg.lstsq(system, np.concatenate([weight * d, np.zeros(len(ridge))]), rcond=None)[0]


def rls(rows, d, prior, keep=lambda e, q: 1.0, weigh=lambda e, d: 1.0):
    """Outputs and last weights of the textbook's recursion with all of P; ``keep`` and ``weigh`` see a sample once."""
    n = rows.shape[1]
    P, w, out = np.diag(1.0 / prior), np.zeros(n), []
    for u, value in zip(rows, d, strict=True):
        out.append(w @ u)
        e = value - out[-1]
        omega, forgetting = weigh(e, value), keep(e, u @ P @ u)
        k = omega * (P @ u) / (forgetting + u @ P @ u)
        w = w + k * e
        P = (P - np.outer(k, u @ P)) / forgetting
        P = (P + P.T) / 2
    return np.array(out), w


def fast_transversal(x, d, taps, forgetting, energy):
    """The stabilised fast transversal filter, one input: outputs until they are no numbers any more or absurd.

    D. T. M. Slock and T. Kailath, "Numerically stable fast transversal filters for recursive least squares adaptive
    filtering", IEEE Trans. Signal Processing 39, 1991, pp. 92-114; with their 1.5, 2.5 and 1 for the feedback.
    """
    w, forward, backward, gain = np.zeros((4, taps))
    line, before, now = np.zeros(taps + 1), 1.0, 1.0
    ahead = behind = energy
    out = []
    for value, wanted in zip(x, d, strict=True):
        line = np.concatenate([[value], line[:-1]])
        e = line[0] - forward @ line[1:]
        longer = np.concatenate([[0.0], gain]) + e / (forgetting * ahead) * np.concatenate([[1.0], -forward])
        both = before + longer[0] * e
        forward = forward + gain * (e / before)
        ahead = 1.0 / (1.0 / (forgetting * ahead) - longer[0] ** 2 / both)
        last = longer[-1]
        computed, summed = forgetting * behind * last, line[-1] - backward @ line[:-1]
        one, two = 1.5 * summed - 0.5 * computed, 2.5 * summed - 1.5 * computed
        now = both - last * summed
        gain = longer[:-1] + last * backward
        behind = forgetting * behind + two * two / now
        backward = backward + gain * (one / now)
        before = 1.0 + gain @ line[:-1]
        out.append(w @ line[:-1])
        w = w + gain * ((wanted - out[-1]) / before)
        if not abs(out[-1]) < 1e6 * (1.0 + abs(wanted)):
            break
    return np.array(out)


def normalised(x, d, taps, regulariser, update):
    """Outputs, and the weights (m, taps), of ``update(w, u, e, energy, floor, P) -> w``; P the power of d so far.

    ``unit`` in what follows is the rms of d over that of x so far.
    """
    m = x.shape[1]
    line, w = np.zeros((m, taps)), np.zeros((m, taps))
    below, average = energies(x, taps, regulariser), energies(x, taps, 1.0) - energies(x, taps, 0.0)
    power = running_power(d)
    outputs, weights = [], []
    for t in range(len(d)):
        line = np.column_stack([x[t], line[:, :-1]])
        y, energy = np.sum(w * line), np.sum(line**2)
        outputs.append(y)
        unit = np.sqrt(power[t] * w.size / average[t])
        w = update(w, line, d[t] - y, energy, below[t] - energy, power[t], unit)
        weights.append(w)
    return np.array(outputs), np.array(weights)


def gradient_step(mu, rate, smallest, largest, memory=None):
    """Benveniste's, or with a memory that of Ang and Farhang-Boroujeny."""
    step, psi, power = mu, 0.0, error_power()

    def update(w, u, e, energy, floor, P, unit):
        nonlocal step, psi
        E, slope = energy + floor, np.sum(psi * u)
        heard = np.clip(e, -3.0 * np.sqrt(P), 3.0 * np.sqrt(P))
        step = np.clip(step + rate * np.clip(heard * slope / power(heard), -10.0, 10.0), smallest, largest)
        psi = psi + (heard - step * slope) * u / E if memory is None else memory * psi + heard * u / E
        return w + step * e * u / E

    return update


def pnlms(mu, share):
    def update(w, u, e, energy, floor, P, unit):
        g = np.maximum(np.abs(w), share * max(0.01 * unit, np.abs(w).max()))
        g = g / g.mean()
        return w + mu * e * g * u / (np.sum(g * u * u) + floor)

    return update


def ipnlms(mu, even):
    def update(w, u, e, energy, floor, P, unit):
        g = even + (1.0 - even) * np.abs(w) / np.abs(w).mean() if w.any() else np.ones_like(w)
        return w + mu * e * g * u / (np.sum(g * u * u) + floor)

    return update


def attracted(mu, pull, slope=0.0):
    def update(w, u, e, energy, floor, P, unit):
        E = energy + floor
        towards = np.sign(w) / (1.0 + slope * np.abs(w) / unit)
        return w + mu * e * u / E - mu * pull * unit / w.size * energy / E * towards

    return update


# Block LMS and its form in the frequency domain: Haykin 2014, ch. 8


def block_nlms(x, d, taps, block, mu, regulariser, smoothing, windows, length):
    """Outputs at the time of their d, and the weights: every gradient summed sample by sample.

    The energy is that of the last windows of so many samples, a block apart, as if there had always been so many.
    No step is larger than the best, nor, with one window, 1.5 times what is best for the outputs of its own block.
    """
    F = odd_transform(length)
    w, average, power, count = np.zeros(taps), 0.0, 0.0, 0
    padded = np.concatenate([np.zeros(length + windows * block), x])
    y = np.zeros(len(x) // block * block)
    for m in range(len(x) // block):
        at = length + windows * block + m * block
        lines = np.array([padded[at + i - np.arange(taps)] for i in range(block)])
        y[m * block : (m + 1) * block] = lines @ w
        error = d[m * block : (m + 1) * block] - lines @ w
        ends = [at + block - k * block for k in range(min(windows, m + 1))]
        counted = max(taps, block)
        energy = np.mean([np.sum(padded[end - length : end] ** 2) for end in ends]) * counted / length
        average = smoothing * average + (1.0 - smoothing) * energy
        now = np.mean(padded[at : at + block] ** 2)
        count = count + 1 if power else 1
        power = power + (min(now, 100.0 * power) - power) / count if power else now
        known = np.nan_to_num(error)
        if known.any():
            X = [F @ padded[end - length : end] for end in ends]
            E = np.abs(F[:, -block:] @ known) ** 2
            norm = max(average, energy) + regulariser * counted * power
            best = norm * np.sum(E) / np.sum(np.sum(np.abs(X) ** 2, axis=0) * E)
            step = min(mu, best) / norm * (known @ lines)
            change = np.where(np.isnan(error), 0.0, lines @ step)
            w = w + step * (min(1.0, 1.5 * (known @ change) / (change @ change)) if windows == 1 else 1.0)
    return y, w


def odd_transform(n):
    """The matrix of the transform of ``fourier.py``, in order: frequencies (2 m + 1/2) / n."""
    return np.exp(-2j * np.pi * np.outer(np.arange(n // 2) + 0.25, np.arange(n)) / (n // 2))


def with_leak(level, F, block, mu):
    """No bin below a part of what leaks into it through a window of one block: the energies, smoothed by a triangle."""
    n = F.shape[1]
    triangle = np.maximum(0.0, 1.0 - np.minimum(np.arange(n), n - np.arange(n)) / block)
    return np.maximum(level, max(0.5, mu) * np.real(F @ (triangle * np.real(np.conj(F).T @ level))) / (n // 2))


def partitioned(x, d, taps, block, mu, regulariser, smoothing, constraint):
    """The same in the frequency domain with a step for each bin and constraints in turns, by the definition."""
    parts, n = -(-taps // block), 2 * block
    F = odd_transform(n)

    def back(X):
        return np.real(np.conj(F).T @ X) / block

    def cut(X, k):
        time = back(X)
        time[min(block, taps - k * block) :] = 0.0
        return F @ time

    W, X = np.zeros((parts, block), complex), np.zeros((parts, block), complex)
    average, power, errors, desired, worse, lost, turn = np.zeros(block), 0.0, 0.0, 0.0, 0, 0, 0
    padded, y = np.concatenate([np.zeros(block), x]), np.zeros(len(x) // block * block)
    for m in range(len(x) // block):
        X = np.concatenate([[F @ padded[m * block : m * block + n]], X[:-1]])
        now, wanted = back((X * W).sum(axis=0))[block:], d[m * block : (m + 1) * block]
        y[m * block : (m + 1) * block] = now
        E = F @ np.concatenate([np.zeros(block), wanted - now])
        energy = np.sum(np.abs(X) ** 2, axis=0)
        scaled = 0.5 * energy * parts / min(m + 1, parts)
        average = smoothing * average + (1.0 - smoothing) * scaled
        power += (np.mean(padded[(m + 1) * block :][:block] ** 2) - power) / (m + 1)
        errors, desired = 0.8 * errors + np.sum((wanted - now) ** 2), 0.8 * desired + np.sum(wanted**2)
        level, least, step = np.maximum(average, scaled), regulariser * block * parts * power, mu
        if errors > 16.0 * desired:
            lost += 1
            W, E, errors = np.zeros_like(W), F @ np.concatenate([np.zeros(block), wanted]), desired
        if errors > 2.0 * desired:
            worse += 1
            level[:] = np.mean(level)
            step = min(mu, np.sum(np.abs(E) ** 2) / np.sum(np.abs(E) ** 2 * energy) * (level[0] + least))
        else:
            level = with_leak(level, F, block, mu)
        W = W + np.conj(X) * step * E / (level + least)
        turn = (turn + 1) % parts
        for k in range(parts):
            if constraint == "full" or (constraint == "round-robin" and k == turn):
                W[k] = cut(W[k], k)
    time = [back(one) for one in W]
    w = np.concatenate([one[:block] for one in time])
    w[block::block] += [one[block] for one in time[:-1]]  # where the next partition begins
    return y, w[:taps], worse, lost


def echo(far, mic, taps, block, mu, drift, regulariser):
    """Both filters of the echo canceller by the definition; the outputs, the weights, how often they were taken."""
    parts, n, keep = -(-taps // block), 2 * block, np.exp(-block / 2560.0)
    F = odd_transform(n)

    def back(X):
        return np.real(np.conj(F).T @ X) / block

    def cut(X, k):
        time = back(X)
        time[min(block, taps - k * block) :] = 0.0
        return F @ time

    def padded(e):
        return F @ np.concatenate([np.zeros(block), e])

    X, W, V = (np.zeros((parts, block), complex) for _ in range(3))
    U, noise, average, power, careful, fast, heard, turn, taken = np.zeros((parts, block)), 0, 0, 0, 0, 0, 0, 0, 0
    x, clean = np.concatenate([np.zeros(block), far]), np.zeros(len(mic) // block * block)
    for m in range(len(mic) // block):
        at = slice(m * block, (m + 1) * block)
        X = np.concatenate([[F @ x[m * block : m * block + n]], X[:-1]])
        e, f = (mic[at] - back((X * one).sum(axis=0))[block:] for one in (W, V))
        clean[at], square = e, np.abs(X) ** 2
        power += (np.mean(far[at] ** 2) - power) / (m + 1)
        careful, fast = keep * careful + np.sum(e**2), keep * fast + np.sum(f**2)
        heard = keep * heard + np.sum(mic[at] ** 2)
        R, E, H = 0.5 * np.sum(square * U, axis=0), padded(e), padded(f)
        noise = 0.6 * noise + 0.4 * np.abs(E) ** 2
        energy = 0.5 * np.sum(square, axis=0) * parts / min(m + 1, parts)
        average = 0.9 * average + 0.1 * energy
        level = with_leak(np.maximum(average, energy), F, block, mu)
        H = mu * H / (level + regulariser * block * parts * power)
        V = V + np.conj(X) * H
        W = W + U * np.conj(X) * E / (R + noise)
        U = (1.0 - drift) * U * np.maximum(1.0 - 0.5 * square * U / (R + noise), 0.0) + drift * np.abs(W) ** 2
        if not taken:
            U = U + drift * np.abs(V) ** 2
        if fast < 0.5 * careful:
            U, W, noise = np.maximum(U, np.abs(V - W) ** 2), V.copy(), np.abs(padded(f)) ** 2
            careful, taken = fast, taken + 1
        elif fast > 4.0 * careful:
            V, fast = W.copy(), careful
        if careful > 4.0 * heard:
            W, V, U, careful, fast = 0.0 * W, 0.0 * V, 0.0 * U, heard, heard
        turn = (turn + 1) % parts
        V[turn], W[turn] = cut(V[turn], turn), cut(W[turn], turn)
        W[0] = cut(W[0], 0)
    time = [back(one) for one in W]
    w = np.concatenate([one[:block] for one in time])
    w[block::block] += [one[block] for one in time[:-1]]  # where the next partition begins
    return clean, w[:taps], taken


def dct_lms(x, d, taps, mu, memory, regulariser):
    """DCT-LMS by the definition: the whole transform anew for every sample; x is (T, m). Weights of the samples."""
    m = x.shape[1]
    k = np.arange(taps)[:, None]
    C = np.cos(np.pi * k * (2 * np.arange(taps) + 1) / (2 * taps)) * np.sqrt(np.where(k == 0, 1.0, 2.0) / taps)
    W, power, level, heard, y = np.zeros((m, taps)), np.zeros((m, taps)), 0.0, 0, np.zeros(len(x))
    lines = np.zeros((m, taps))
    for n in range(len(x)):
        lines = np.column_stack([x[n], lines[:, :-1]])
        for value in x[n]:
            heard += 1
            level += (min(value**2, 100.0 * level if level else np.inf) - level) / heard
        c = lines @ C.T
        power += max(1.0 / memory, m / heard) * (c**2 - power)
        over = c / (power + regulariser * level)
        y[n] = np.sum(W * c)
        if not np.isnan(d[n]):
            W = W + mu * (d[n] - y[n]) * over / max(m * taps, np.sum(c * over))
    return y, W @ C


def park_miller(seed, samples):
    """Uniform numbers of mean 0 and variance 1."""
    found = []
    for _ in range(samples):
        seed = 16807 * seed % 2147483647
        found.append(np.sqrt(3) * (2 * seed / 2147483647 - 1))
    return np.array(found)


def cross_updated(x, e, taps, mu, model, probe, nu, settle, seed=1):
    """Zhang's system for one reference, with trust, without regulariser: outputs, and the model at the end."""
    T, L = len(x), len(model)
    v, s, h, w = probe * park_miller(seed, T), np.array(model, float), np.zeros(taps), np.zeros(taps)
    lined = lambda one, n, t: np.pad(one[: t + 1], (n, 0))[: -n - 1 : -1]  # noqa: E731
    heard, outputs, squares = np.zeros(T), [], []
    for t in range(T):
        heard[t] = s @ lined(x, L, t)
        u, as_heard, probes = lined(x, taps, t), lined(heard, taps, t), lined(v, L, t)
        outputs.append(w @ u + v[t])
        f = e[t] - s @ probes
        eps = f - h @ u
        squares.append(eps**2)
        trust = min(1.0, 0.1 * (2 - nu) * probe**2 * (s @ s) / (nu * np.mean(squares))) if t >= settle else 1.0
        s = s + max(trust, 0.05) * nu * eps * probes / max(probes @ probes, L * probe**2)
        h = h + 0.3 * eps * u / (u @ u + np.mean(x[: t + 1] ** 2) * max(0, taps - t - 1))
        began = np.flatnonzero(heard)[0] if heard.any() else t
        energy = as_heard @ as_heard + np.mean(heard[began : t + 1] ** 2) * max(0, taps - (t - began) - 1)
        if t >= settle:
            w = w - trust**2 * mu * f / energy * as_heard
    return np.array(outputs), s


# Recursive filters


def recursive(x, d, taps, poles, mu, filtered, smoothing=(), radius=0.999, weights=None):
    """Outputs and weights (b, a) after each sample of the output error (filtered) or of SHARF, by a gradient step."""
    w = np.zeros(taps + poles) if weights is None else np.array(weights, float)
    y, fed, us, es, outputs, found = [], [], [], [], [], []
    energies = np.zeros(2)
    past = lambda line, n: np.pad(line[::-1][:n], (0, max(0, n - len(line))))  # noqa: E731
    for t, (value, desired) in enumerate(zip(x, d, strict=True)):
        b, a = w[:taps], w[taps:]
        out = b @ past(x[: t + 1], taps) + a @ past(y, poles)
        us.append(value + (a @ past(us, poles) if filtered else 0.0))
        e = desired - out
        c = -a * 0.9 ** np.arange(1, poles + 1) if smoothing is None else np.asarray(smoothing)
        v = e + np.dot(c, past(es, len(c)))
        psi = [past(fed, poles), past(us, taps)]
        now = np.array([max(psi[0] @ psi[0], poles * desired**2), psi[1] @ psi[1]])
        energies = energies + (np.where(energies > 1e-280, np.minimum(now, 100 * energies), now) - energies) / (t + 1)
        full = np.maximum(energies * np.maximum(1, np.array([poles, taps]) / (t + 1)), [one @ one for one in psi])
        gains = np.divide(mu, full, where=full > 0, out=np.zeros(2))
        change = gains @ np.abs([psi[0] @ past(y, poles), psi[1] @ past(x[: t + 1], taps)])
        v = np.copysign(min(abs(v), abs(e) / change), v) if change else v
        step = v * gains[0] * psi[0]
        share = 1.0
        while np.abs(np.roots(np.r_[1.0, -(a + share * step)])).max() >= radius and share > 2.0**-9:
            share /= 2
        new = a + share * step
        if np.abs(np.roots(np.r_[1.0, -new])).max() >= radius:
            new = a
        w = np.concatenate([b + v * gains[1] * psi[1], new])
        fed.append(out + (a @ past(fed, poles) if filtered else 0.0))
        y.append(out)
        es.append(e)
        outputs.append(out)
        found.append(w)
    return np.array(outputs), np.array(found)


def steiglitz_mcbride(x, d, taps, poles, rounds=50):
    """The batch form: least squares behind the poles of the round before; (b, a)."""
    from scipy import signal

    a = np.zeros(poles)
    for _ in range(rounds):
        u, v = (signal.lfilter([1.0], np.r_[1.0, -a], one) for one in (x, d))
        back = lambda one, k: np.r_[np.zeros(k), one[: len(one) - k]]  # noqa: E731
        rows = np.column_stack([back(u, k) for k in range(taps)] + [back(v, k + 1) for k in range(poles)])
        w = np.linalg.lstsq(rows, v, rcond=None)[0]
        a = w[taps:]
    return w


def random_walk(x, d, q, r, w, P):
    """Outputs, weights and P of the Kalman filter of weights that walk; x is the regressor of each sample, (T, n)."""
    out = []
    for u, desired in zip(x, d, strict=True):
        out.append(w @ u)
        P = P + q * np.eye(len(w))
        if not np.isnan(desired):
            k = P @ u / (r + u @ P @ u)
            w = w + k * (desired - w @ u)
            P = P - np.outer(k, u @ P)
    return np.array(out), w, P


def extended_kalman(z, f, h, F, H, Q, R, x, P, angles):
    """Filtered states and the last P: the linear filter at the slopes F(x) and H(x), all observations at once."""
    states = []
    for t in range(len(z)):
        if t > 0:
            P = F(x) @ P @ F(x).T + Q
            x = f(x)
        there = ~np.isnan(z[t])
        slopes = H(x)[there]
        e = (z[t] - h(x))[there]
        e = np.where(angles[there], np.angle(np.exp(1j * e)), e)
        K = P @ slopes.T @ np.linalg.inv(slopes @ P @ slopes.T + R[np.ix_(there, there)])
        x, P = x + K @ e, P - K @ slopes @ P
        states.append(x)
    return np.array(states), P
