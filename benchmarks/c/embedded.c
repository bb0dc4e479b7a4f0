/* One sample a call, as one writes it in C: what `node.c_function()` is held against.
 *
 * Each step is called through a pointer, as ours is. The arithmetic is that of our kernels: a missing sample teaches
 * nothing, levels are bounded, a window never subtracts.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

typedef double step_function(void *node, double x, double d);

double drive(step_function *step, void *node, int64_t n, const double *x, const double *d, double *y)
{
    double last = 0.0;
    for (int64_t t = 0; t < n; t++)
        y[t] = last = step(node, x[t], d[t]);
    return last;
}

/* NLMS: a delay line written twice, so that the window is contiguous. */
typedef struct {
    int64_t n, at;
    double mu, eps;
    double *w, *line;
} nlms;

double nlms_step(void *node, double x, double d)
{
    nlms *f = node;
    double *restrict w = f->w, *line = f->line;
    int64_t n = f->n, at = f->at;
    line[at] = line[at + n] = x;
    f->at = at = at + 1 < n ? at + 1 : 0;
    const double *u = line + at;
    double y = 0.0, energy = 0.0;
    for (int64_t i = 0; i < n; i++) {
        y += w[i] * u[i];
        energy += u[i] * u[i];
    }
    if (fabs(d) <= 1e100) {
        double g = f->mu * (d - y) / (f->eps + energy);
        for (int64_t i = 0; i < n; i++)
            w[i] += g * u[i];
    }
    return y;
}

/* Holt-Winters with an additive season. */
typedef struct {
    int64_t m, phase;
    double alpha, beta, gamma, phi, level, slope;
    double *season;
} holt_winters;

static double bounded(double x)
{
    return x < -1e100 ? -1e100 : x > 1e100 ? 1e100 : x;
}

double holt_winters_step(void *node, double x, double d)
{
    holt_winters *f = node;
    double b = f->phi * f->slope, q = f->level + b;
    double *c = f->season + f->phase, y = q + *c;
    f->phase = f->phase + 1 < f->m ? f->phase + 1 : 0;
    if (fabs(d) <= 1e100) {
        double e = d - y;
        *c += f->gamma * e;
        q += f->alpha * e;
        b += f->beta * e;
    }
    f->level = bounded(q);
    f->slope = bounded(b);
    return y;
}

/* The mean squared error of the last w pairs: two stacks. */
typedef struct {
    int64_t w, i;
    double count, sum;
    double *counts, *sums; /* w + 1 each, zero behind */
} windowed;

double mse_step(void *node, double x, double d)
{
    windowed *f = node;
    double *counts = f->counts, *sums = f->sums;
    if (f->i == f->w) {
        for (int64_t j = f->w - 2; j >= 0; j--) {
            counts[j] += counts[j + 1];
            sums[j] += sums[j + 1];
        }
        f->i = 0;
        f->count = f->sum = 0.0;
    }
    double e = d - x, square = e * e, one = 1.0;
    if (!(fabs(e) <= 1e100))
        square = one = 0.0;
    f->count += one;
    f->sum += square;
    counts[f->i] = one;
    sums[f->i] = square;
    f->i++;
    return (sums[f->i] + f->sum) / (counts[f->i] + f->count);
}
