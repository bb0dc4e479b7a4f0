/* Plain C NLMS, as one writes it: two passes over a contiguous window, float64.
 *
 * x has n - 1 samples of history in front, so that sample t's window is x[t .. t+n-1], oldest first; w lies likewise.
 * The energy is either carried along (add what comes, subtract what leaves) or summed in the pass of the dot product;
 * which of the two is faster depends on n, so both are here and the faster one counts.
 */
#include <stddef.h>

void nlms_recursive(const double *restrict x, const double *restrict d, double *restrict y, double *restrict w,
                    size_t samples, size_t n, double mu, double eps)
{
    double energy = 0.0;
    for (size_t i = 0; i + 1 < n; i++)
        energy += x[i] * x[i];
    for (size_t t = 0; t < samples; t++) {
        const double *u = x + t;
        double sum = 0.0;
        energy += u[n - 1] * u[n - 1];
        for (size_t i = 0; i < n; i++)
            sum += w[i] * u[i];
        y[t] = sum;
        double g = mu * (d[t] - sum) / (eps + energy);
        for (size_t i = 0; i < n; i++)
            w[i] += g * u[i];
        energy -= u[0] * u[0];
    }
}

void nlms_same_pass(const double *restrict x, const double *restrict d, double *restrict y, double *restrict w,
                    size_t samples, size_t n, double mu, double eps)
{
    for (size_t t = 0; t < samples; t++) {
        const double *u = x + t;
        double sum = 0.0, energy = 0.0;
        for (size_t i = 0; i < n; i++) {
            sum += w[i] * u[i];
            energy += u[i] * u[i];
        }
        y[t] = sum;
        double g = mu * (d[t] - sum) / (eps + energy);
        for (size_t i = 0; i < n; i++)
            w[i] += g * u[i];
    }
}
