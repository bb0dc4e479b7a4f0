/* Plain C affine projection, as one writes it: the new row of the Gram matrix, the errors, Cholesky, float64.
 *
 * x has n - 1 + order - 1 samples of history in front, so that sample t's window is x[t + order - 1 .. ] of n samples,
 * oldest first; w lies likewise. Row k of the Gram matrix belongs to the regressor of k samples ago; of each sample only
 * the row of the newest is computed, the others move down. The errors of the last samples are either computed afresh
 * from the new weights (order inner products) or carried along (only the newest is an inner product, and what the update
 * does to the others follows from the solution); both are here and the faster one counts.
 */
#include <math.h>
#include <stddef.h>

enum { MOST = 64 };

static double inner(const double *restrict a, const double *restrict b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void move_down(double R[MOST][MOST], const double *u, size_t n, size_t order)
{
    for (size_t i = order - 1; i > 0; i--)
        for (size_t j = 0; j < i + 1; j++)
            if (j > 0)
                R[i][j] = R[i - 1][j - 1];
    for (size_t k = 0; k < order; k++)
        R[k][0] = inner(u, u - k, n);
}

static void solve(double R[MOST][MOST], const double *e, double *g, size_t order, double delta)
{
    static double L[MOST][MOST];
    for (size_t i = 0; i < order; i++) {
        for (size_t j = 0; j < i; j++) {
            double sum = R[i][j];
            for (size_t k = 0; k < j; k++)
                sum -= L[i][k] * L[j][k];
            L[i][j] = sum * L[j][j];
        }
        double sum = R[i][i] + delta;
        for (size_t k = 0; k < i; k++)
            sum -= L[i][k] * L[i][k];
        L[i][i] = 1.0 / sqrt(sum); /* the diagonal inverted: no division in the solution */
    }
    for (size_t i = 0; i < order; i++) {
        double sum = e[i];
        for (size_t k = 0; k < i; k++)
            sum -= L[i][k] * g[k];
        g[i] = sum * L[i][i];
    }
    for (size_t i = order; i-- > 0;) {
        double sum = g[i];
        for (size_t k = i + 1; k < order; k++)
            sum -= L[k][i] * g[k];
        g[i] = sum * L[i][i];
    }
}

static void update(double *restrict w, const double *restrict u, const double *g, size_t n, size_t order, double mu)
{
    for (size_t k = 0; k < order; k++) {
        double step = mu * g[k];
        const double *old = u - k;
        for (size_t i = 0; i < n; i++)
            w[i] += step * old[i];
    }
}

void ap_afresh(const double *restrict x, const double *restrict d, double *restrict y, double *restrict w,
               size_t samples, size_t n, size_t order, double mu, double delta)
{
    static double R[MOST][MOST], e[MOST], g[MOST], last[MOST];
    for (size_t i = 0; i < order; i++) {
        last[i] = 0.0;
        for (size_t j = 0; j < order; j++)
            R[i][j] = 0.0;
    }
    for (size_t t = 0; t < samples; t++) {
        const double *u = x + t + order - 1;
        move_down(R, u, n, order);
        for (size_t k = order - 1; k > 0; k--)
            last[k] = last[k - 1];
        last[0] = d[t];
        for (size_t k = 0; k < order; k++)
            e[k] = last[k] - inner(w, u - k, n);
        y[t] = d[t] - e[0];
        solve(R, e, g, order, delta);
        update(w, u, g, n, order, mu);
    }
}

void ap_carried(const double *restrict x, const double *restrict d, double *restrict y, double *restrict w,
                size_t samples, size_t n, size_t order, double mu, double delta)
{
    static double R[MOST][MOST], e[MOST], g[MOST];
    for (size_t i = 0; i < order; i++) {
        e[i] = 0.0;
        for (size_t j = 0; j < order; j++)
            R[i][j] = 0.0;
    }
    for (size_t t = 0; t < samples; t++) {
        const double *u = x + t + order - 1;
        move_down(R, u, n, order);
        for (size_t k = order - 1; k > 0; k--)
            e[k] = e[k - 1];
        y[t] = inner(w, u, n);
        e[0] = d[t] - y[t];
        solve(R, e, g, order, delta);
        update(w, u, g, n, order, mu);
        for (size_t k = 0; k < order; k++) /* (R + delta I) g = e */
            e[k] = (1.0 - mu) * e[k] + mu * delta * g[k];
    }
}
