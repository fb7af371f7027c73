/* What the compiler and the C library make of arithmetic: 64-bit products and quotients, floating point in software,
   sorting through a function pointer, formatted output. Folded into checksums that the test computes too.

   result: 0 steps, 1 integers, 2 doubles, 3 sorted numbers, 4.. the text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "chip.h"

static uint32_t state = 1;

static uint32_t next(void)
{
    state = state * 1664525 + 1013904223;
    return state;
}

static uint32_t fold(uint32_t sum, uint64_t value)
{
    sum = (sum << 7 | sum >> 25) ^ (uint32_t)value;
    return (sum << 7 | sum >> 25) ^ (uint32_t)(value >> 32);
}

static int compare(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    for (uint32_t n = 0; n < 32; n++)
        result[n] = 0;
    uint32_t sum = 0;
    for (uint32_t n = 0; n < 200; n++) {
        uint64_t a = (uint64_t)next() << 32 | next();
        uint64_t b = (uint64_t)(next() >> 7) << (n % 32) | 1;
        int32_t c = (int32_t)next(), d = (int32_t)(next() >> 20) - 2048;
        sum = fold(sum, a / b);
        sum = fold(sum, a % b);
        sum = fold(sum, a * b);
        sum = fold(sum, (uint64_t)((int64_t)a >> (n % 64)));
        sum = fold(sum, (uint32_t)(d ? c / d : 0));
        sum = fold(sum, (uint32_t)(d ? c % d : 0));
    }
    result[1] = sum;
    result[0] = 1;

    sum = 0;
    for (uint32_t n = 0; n < 50; n++) {
        double x = (double)(int32_t)next() / 65536.0, y = (double)next() / 3.0 + 1.0;
        double values[5] = { x + y, x - y, x * y, x / y, sqrt(y) };
        for (uint32_t k = 0; k < 5; k++) {
            uint64_t bits;
            memcpy(&bits, &values[k], 8);
            sum = fold(sum, bits);
        }
        sum = fold(sum, (uint32_t)(int32_t)x);
        sum = fold(sum, x < y);
    }
    result[2] = sum;
    result[0] = 2;

    int32_t numbers[40];
    for (uint32_t n = 0; n < 40; n++)
        numbers[n] = (int32_t)next();
    qsort(numbers, 40, sizeof numbers[0], compare);
    sum = 0;
    for (uint32_t n = 0; n < 40; n++)
        sum = fold(sum, (uint32_t)numbers[n]);
    result[3] = sum;
    result[0] = 3;

    char text[64];
    snprintf(text, sizeof text, "%d %u %08lx %s %c%%", -12345, 4000000000u, 0xbeefUL, "text", 'x');
    memcpy((void *)&result[4], text, sizeof text);
    result[0] = 4;
    rest();
}
