/* Plain C complex NLMS, as one writes it with split real and imaginary parts: two passes over a contiguous window.
 *
 * y = w^H u, w += mu conj(e) u / (eps + |u|^2). The parts of x have n - 1 samples of history in front, as in nlms.c;
 * the energy is carried along or summed in the pass of the product.
 */
#include <stddef.h>

void complex_nlms_recursive(const double *restrict xr, const double *restrict xi, const double *restrict dr,
                            const double *restrict di, double *restrict yr, double *restrict yi, double *restrict wr,
                            double *restrict wi, size_t samples, size_t n, double mu, double eps)
{
    double energy = 0.0;
    for (size_t i = 0; i + 1 < n; i++)
        energy += xr[i] * xr[i] + xi[i] * xi[i];
    for (size_t t = 0; t < samples; t++) {
        const double *ur = xr + t, *ui = xi + t;
        double re = 0.0, im = 0.0;
        energy += ur[n - 1] * ur[n - 1] + ui[n - 1] * ui[n - 1];
        for (size_t i = 0; i < n; i++) {
            re += wr[i] * ur[i] + wi[i] * ui[i];
            im += wr[i] * ui[i] - wi[i] * ur[i];
        }
        yr[t] = re;
        yi[t] = im;
        double step = mu / (eps + energy), gr = step * (dr[t] - re), gi = -step * (di[t] - im);
        for (size_t i = 0; i < n; i++) {
            wr[i] += gr * ur[i] - gi * ui[i];
            wi[i] += gr * ui[i] + gi * ur[i];
        }
        energy -= ur[0] * ur[0] + ui[0] * ui[0];
    }
}

void complex_nlms_same_pass(const double *restrict xr, const double *restrict xi, const double *restrict dr,
                            const double *restrict di, double *restrict yr, double *restrict yi, double *restrict wr,
                            double *restrict wi, size_t samples, size_t n, double mu, double eps)
{
    for (size_t t = 0; t < samples; t++) {
        const double *ur = xr + t, *ui = xi + t;
        double re = 0.0, im = 0.0, energy = 0.0;
        for (size_t i = 0; i < n; i++) {
            re += wr[i] * ur[i] + wi[i] * ui[i];
            im += wr[i] * ui[i] - wi[i] * ur[i];
            energy += ur[i] * ur[i] + ui[i] * ui[i];
        }
        yr[t] = re;
        yi[t] = im;
        double step = mu / (eps + energy), gr = step * (dr[t] - re), gi = -step * (di[t] - im);
        for (size_t i = 0; i < n; i++) {
            wr[i] += gr * ur[i] - gi * ui[i];
            wi[i] += gr * ui[i] + gi * ur[i];
        }
    }
}
