/* The floor under any mean squared error: reading both arrays once, at the speed of the memory. */
#include <stddef.h>

double sum_both(const double *restrict a, const double *restrict b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] + b[i];
    return sum;
}
