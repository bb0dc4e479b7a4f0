/* Plain C Kalman filter, as one writes it: float64, matrices row by row, observations taken in one by one.
 *
 * The same arithmetic for sizes that the caller says and for sizes that the compiler knows; with half of P computed when
 * it is moved on, and mirrored, or the whole of it, which is more work and easier for the compiler. The fastest counts.
 * A NaN in an observation skips it.
 */
#include <math.h>
#include <stddef.h>

#define FILTER(NAME, SIZES, N, M, FIRST, MIRROR)                                                                       \
    void NAME(const double *restrict z, double *restrict y, size_t samples, const double *restrict f,                  \
              const double *restrict h, const double *restrict q, const double *restrict r, double *restrict x,        \
              double *restrict p, double *restrict work SIZES)                                                         \
    {                                                                                                                  \
        double *restrict w = work, *restrict k = work + N * N, *restrict v = work + N * N + N;                         \
        for (size_t t = 0; t < samples; t++) {                                                                         \
            if (t > 0) {                                                                                               \
                for (size_t i = 0; i < N; i++) {                                                                       \
                    double sum = 0.0;                                                                                  \
                    for (size_t j = 0; j < N; j++)                                                                     \
                        sum += f[i * N + j] * x[j];                                                                    \
                    v[i] = sum;                                                                                        \
                }                                                                                                      \
                for (size_t i = 0; i < N; i++)                                                                         \
                    x[i] = v[i];                                                                                       \
                for (size_t i = 0; i < N; i++) {                                                                       \
                    for (size_t j = 0; j < N; j++)                                                                     \
                        w[i * N + j] = 0.0;                                                                            \
                    for (size_t l = 0; l < N; l++)                                                                     \
                        for (size_t j = 0; j < N; j++)                                                                 \
                            w[i * N + j] += f[i * N + l] * p[l * N + j];                                               \
                }                                                                                                      \
                for (size_t i = 0; i < N; i++)                                                                         \
                    for (size_t j = FIRST; j < N; j++) {                                                               \
                        double sum = q[i * N + j];                                                                     \
                        for (size_t l = 0; l < N; l++)                                                                 \
                            sum += w[i * N + l] * f[j * N + l];                                                        \
                        p[i * N + j] = sum;                                                                            \
                        MIRROR                                                                                         \
                    }                                                                                                  \
            }                                                                                                          \
            for (size_t o = 0; o < M; o++) {                                                                           \
                double e = z[t * M + o], s = r[o];                                                                     \
                if (isnan(e))                                                                                          \
                    continue;                                                                                          \
                for (size_t i = 0; i < N; i++) {                                                                       \
                    double sum = 0.0;                                                                                  \
                    for (size_t j = 0; j < N; j++)                                                                     \
                        sum += p[i * N + j] * h[o * N + j];                                                            \
                    v[i] = sum;                                                                                        \
                    s += h[o * N + i] * sum;                                                                           \
                    e -= h[o * N + i] * x[i];                                                                          \
                }                                                                                                      \
                double over = 1.0 / s;                                                                                 \
                for (size_t i = 0; i < N; i++) {                                                                       \
                    k[i] = over * v[i];                                                                                \
                    x[i] += k[i] * e;                                                                                  \
                }                                                                                                      \
                for (size_t i = 0; i < N; i++)                                                                         \
                    for (size_t j = 0; j < N; j++)                                                                     \
                        p[i * N + j] -= k[i] * v[j];                                                                   \
            }                                                                                                          \
            double sum = 0.0;                                                                                          \
            for (size_t i = 0; i < N; i++)                                                                             \
                sum += h[i] * x[i];                                                                                    \
            y[t] = sum;                                                                                                \
        }                                                                                                              \
    }

#define SAID , size_t n, size_t m
#define KNOWN
FILTER(kalman_any, SAID, n, m, i, p[j * n + i] = sum;)
FILTER(kalman_4_2, KNOWN, (size_t)4, (size_t)2, i, p[j * (size_t)4 + i] = sum;)
FILTER(kalman_4_2_whole, KNOWN, (size_t)4, (size_t)2, 0, )

/* The gain given, k one row an observation: nothing of the covariance is computed. */
void kalman_steady_4_2(const double *restrict z, double *restrict y, size_t samples, const double *restrict f,
                       const double *restrict h, const double *restrict k, double *restrict x)
{
    enum { N = 4, M = 2 };
    for (size_t t = 0; t < samples; t++) {
        double v[N];
        if (t > 0) {
            for (size_t i = 0; i < N; i++) {
                double sum = 0.0;
                for (size_t j = 0; j < N; j++)
                    sum += f[i * N + j] * x[j];
                v[i] = sum;
            }
            for (size_t i = 0; i < N; i++)
                x[i] = v[i];
        }
        for (size_t o = 0; o < M; o++) {
            double e = z[t * M + o];
            for (size_t i = 0; i < N; i++)
                e -= h[o * N + i] * x[i];
            for (size_t i = 0; i < N; i++)
                x[i] += k[o * N + i] * e;
        }
        double sum = 0.0;
        for (size_t i = 0; i < N; i++)
            sum += h[i] * x[i];
        y[t] = sum;
    }
}
