/* Filtered-x NLMS in its closed loop, written plainly: lines as windows of a padded input, energies in the same pass. */
#include <stddef.h>

void filtered_x_nlms(const double *x, const double *d, const double *path, double *f, double *y, double *e, double *w,
                     size_t samples, size_t taps, size_t length, double mu, double epsilon)
{
    /* x, f and y begin with max(taps, length) - 1 zeros of history, whose end the pointers are at */
    for (size_t t = 0; t < samples; t++) {
        double heard = d[t], filtered = 0.0, out = 0.0, energy = epsilon;
        for (size_t j = 1; j < length; j++)
            heard += path[j] * y[(ptrdiff_t)t - (ptrdiff_t)j];
        for (size_t j = 0; j < length; j++)
            filtered += path[j] * x[(ptrdiff_t)t - (ptrdiff_t)j];
        f[t] = filtered;
        for (size_t j = 0; j < taps; j++) {
            double one = f[(ptrdiff_t)t - (ptrdiff_t)j];
            out += w[j] * x[(ptrdiff_t)t - (ptrdiff_t)j];
            energy += one * one;
        }
        double step = mu * heard / energy;
        for (size_t j = 0; j < taps; j++)
            w[j] -= step * f[(ptrdiff_t)t - (ptrdiff_t)j];
        y[t] = out;
        e[t] = heard;
    }
}
