/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * jobs.c: plain C, written to be compared, not to be fast: no instruction
 * that only some CPUs have, and nothing of a C library in the inner loops,
 * since a guest's is another one.
 */

#include <string.h>

#include "jobs.h"


#define JOBS_BLOCK  64


static const uint32_t  jobs_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};


static uint32_t
jobs_rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}


static void
jobs_sha256_block(uint32_t state[8], const uint8_t *p)
{
    uint32_t  w[64], s[8], t1, t2;
    unsigned  i;

    for (i = 0; i < 16; i++) {
        w[i] = (uint32_t) p[4 * i] << 24 | (uint32_t) p[4 * i + 1] << 16
               | (uint32_t) p[4 * i + 2] << 8 | p[4 * i + 3];
    }

    for (i = 16; i < 64; i++) {
        t1 = jobs_rotate(w[i - 2], 17) ^ jobs_rotate(w[i - 2], 19)
             ^ w[i - 2] >> 10;
        t2 = jobs_rotate(w[i - 15], 7) ^ jobs_rotate(w[i - 15], 18)
             ^ w[i - 15] >> 3;
        w[i] = t1 + w[i - 7] + t2 + w[i - 16];
    }

    memcpy(s, state, sizeof(s));

    for (i = 0; i < 64; i++) {
        t1 = jobs_rotate(s[4], 6) ^ jobs_rotate(s[4], 11)
             ^ jobs_rotate(s[4], 25);
        t1 += s[7] + ((s[4] & s[5]) ^ (~s[4] & s[6])) + jobs_k[i] + w[i];
        t2 = jobs_rotate(s[0], 2) ^ jobs_rotate(s[0], 13)
             ^ jobs_rotate(s[0], 22);
        t2 += (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);

        s[7] = s[6];
        s[6] = s[5];
        s[5] = s[4];
        s[4] = s[3] + t1;
        s[3] = s[2];
        s[2] = s[1];
        s[1] = s[0];
        s[0] = t1 + t2;
    }

    for (i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}


void
jobs_sha256(const void *data, size_t len, char hex[65])
{
    size_t          rest, tail;
    uint8_t         last[2 * JOBS_BLOCK];
    unsigned        i;
    const uint8_t  *p;

    uint32_t  state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
    };

    p = data;

    for (rest = len; rest >= JOBS_BLOCK; rest -= JOBS_BLOCK) {
        jobs_sha256_block(state, p);
        p += JOBS_BLOCK;
    }

    memset(last, 0, sizeof(last));

    if (rest > 0) {
        memcpy(last, p, rest);
    }

    last[rest] = 0x80;
    tail = rest < JOBS_BLOCK - 8 ? JOBS_BLOCK : 2 * JOBS_BLOCK;

    for (i = 0; i < 8; i++) {
        last[tail - 1 - i] = (uint8_t) ((uint64_t) len * 8 >> (8 * i));
    }

    jobs_sha256_block(state, last);

    if (tail > JOBS_BLOCK) {
        jobs_sha256_block(state, last + JOBS_BLOCK);
    }

    for (i = 0; i < 64; i++) {
        hex[i] = "0123456789abcdef"[state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    }

    hex[64] = '\0';
}


uint32_t
jobs_mandelbrot(unsigned size, unsigned limit)
{
    double    cr, ci, zr, zi, rr, ii;
    uint32_t  sum;
    unsigned  x, y, n;

    sum = 0;

    for (y = 0; y < size; y++) {
        ci = -1.25 + 2.5 * y / size;

        for (x = 0; x < size; x++) {
            cr = -2.0 + 2.5 * x / size;
            zr = zi = rr = ii = 0;

            for (n = 0; n < limit && rr + ii <= 4; n++) {
                zi = 2 * zr * zi + ci;
                zr = rr - ii + cr;
                rr = zr * zr;
                ii = zi * zi;
            }

            sum += n;
        }
    }

    return sum;
}
