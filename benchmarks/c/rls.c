/* Plain C RLS, the lower triangle alone, as one writes it: float64, row i of P in p[i (i + 1) / 2 .. ].
 *
 * x has n - 1 samples of history in front, so that sample t's window is x[t .. t+n-1], oldest first; w lies likewise.
 * P is either updated in a pass of its own after the product, or lessened in the pass of the next product; which of the
 * two is faster depends on n, so both are here and the faster one counts. The inverse of lambda is multiplied in with the
 * update, or gathered in mu, by which the rows are weighted; mu begins anew in time.
 */
#include <math.h>
#include <stddef.h>

static double product(const double *restrict p, const double *restrict u, double *restrict q, size_t n)
{
    double leverage = 0.0;
    for (size_t i = 0; i < n; p += ++i) {
        double sum = p[i] * u[i];
        for (size_t j = 0; j < i; j++) {
            sum += p[j] * u[j];
            q[j] += p[j] * u[i];
        }
        q[i] = sum;
    }
    for (size_t i = 0; i < n; i++)
        leverage += q[i] * u[i];
    return leverage;
}

void rls_two_passes(const double *restrict x, const double *restrict d, double *restrict y, double *restrict w,
                    double *restrict p, double *restrict q, size_t samples, size_t n, double lambda)
{
    double over = 1.0 / lambda;
    for (size_t t = 0; t < samples; t++) {
        const double *u = x + t;
        double sum = 0.0, gain = 1.0 / (lambda + product(p, u, q, n)), *row = p;
        for (size_t i = 0; i < n; i++)
            sum += w[i] * u[i];
        y[t] = sum;
        double e = gain * (d[t] - sum);
        for (size_t i = 0; i < n; i++)
            w[i] += e * q[i];
        for (size_t i = 0; i < n; row += ++i) {
            double g = gain * q[i];
            for (size_t j = 0; j <= i; j++)
                row[j] = over * (row[j] - g * q[j]);
        }
    }
}

void rls_one_pass(const double *restrict x, const double *restrict d, double *restrict y, double *restrict w,
                  double *restrict p, double *restrict q, size_t samples, size_t n, double lambda)
{
    double *h = q + n, gain = 0.0, mu = 1.0;
    for (size_t i = 0; i < n; i++)
        h[i] = 0.0;
    for (size_t t = 0; t < samples; t++) {
        const double *u = x + t;
        double sum = 0.0, leverage = 0.0, *row = p;
        for (size_t i = 0; i < n; row += ++i) {
            double g = gain * h[i], ui = u[i], total = row[i] -= g * h[i];
            total *= ui;
            for (size_t j = 0; j < i; j++) {
                double v = row[j] - g * h[j];
                row[j] = v;
                total += v * u[j];
                q[j] += v * ui;
            }
            q[i] = total;
        }
        mu *= lambda;
        for (size_t i = 0; i < n; i++) {
            sum += w[i] * u[i];
            leverage += q[i] * u[i];
        }
        y[t] = sum;
        gain = 1.0 / (mu + leverage);
        double e = gain * (d[t] - sum);
        for (size_t i = 0; i < n; i++) {
            w[i] += e * q[i];
            h[i] = q[i];
        }
        if (mu < 0x1p-40) {
            for (size_t i = 0; i < n * (n + 1) / 2; i++)
                p[i] *= 0x1p40;
            for (size_t i = 0; i < n; i++)
                h[i] *= 0x1p40;
            gain *= 0x1p-40;
            mu *= 0x1p40;
        }
    }
}
