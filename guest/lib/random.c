/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * random.c: random bytes: getentropy(), and arc4random() on top of it.
 *
 * ChaCha20 (RFC 8439, 2.3), keyed from the host's entropy once in each call,
 * so that a snapshot cannot repeat what a guest drew before.  Each draw
 * begins with a new key for the next one: what was drawn cannot be computed
 * from what is left in memory.
 *
 * The guard and the seed of rand() are 12 of the 32 bytes of entropy, see
 * dispatch.c: who learns them still lacks 160 bits of the first key.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hl_guest.h"


#define HL_CHACHA_BLOCK   64
#define HL_CHACHA_WORDS   16
#define HL_CHACHA_ROUNDS  10            /* of two each */
#define HL_ENTROPY_MAX    256           /* POSIX: GETENTROPY_MAX */

#define hl_rotate(x, n)   ((x) << (n) | (x) >> (32 - (n)))


_Static_assert(HL_ABI_ENTROPY == sizeof(hl_guest.random_key),
               "entropy is a key");


static void hl_random(void *buf, size_t len);
static void hl_chacha(const uint32_t *key, uint32_t counter, uint32_t *out);
static void hl_chacha_quarter(uint32_t *x, size_t a, size_t b, size_t c,
    size_t d);


int
getentropy(void *buf, size_t len)
{
    if (len > HL_ENTROPY_MAX) {
        errno = EIO;
        return -1;
    }

    if (buf == NULL && len > 0) {
        errno = EINVAL;
        return -1;
    }

    hl_random(buf, len);

    return 0;
}


/* picolibc's keep a buffer, which would be the same after each restore. */

void
arc4random_buf(void *buf, size_t len)
{
    hl_random(buf, len);
}


uint32_t
arc4random(void)
{
    uint32_t  value;

    hl_random(&value, sizeof(value));

    return value;
}


/* Of 2^32 values, the first ones are left out, as many as are odd ones. */

uint32_t
arc4random_uniform(uint32_t bound)
{
    uint32_t  value, odd;

    if (bound < 2) {
        return 0;
    }

    odd = -bound % bound;

    do {
        value = arc4random();
    } while (value < odd);

    return value % bound;
}


/* The first half of block 0 is the next key; blocks from 1 on are drawn. */

static void
hl_random(void *buf, size_t len)
{
    size_t     n;
    uint8_t   *p;
    uint32_t   i, next[HL_CHACHA_WORDS], block[HL_CHACHA_WORDS];

    if (!hl_guest.random_ready) {
        memcpy(hl_guest.random_key, hl_guest.params->entropy,
               sizeof(hl_guest.random_key));
        hl_guest.random_ready = true;
    }

    hl_chacha(hl_guest.random_key, 0, next);

    for (p = buf, i = 1; len > 0; p += n, len -= n, i++) {
        n = len < HL_CHACHA_BLOCK ? len : HL_CHACHA_BLOCK;

        hl_chacha(hl_guest.random_key, i, block);
        memcpy(p, block, n);
    }

    memcpy(hl_guest.random_key, next, sizeof(hl_guest.random_key));

    explicit_bzero(next, sizeof(next));
    explicit_bzero(block, sizeof(block));
}


/* A block of key stream, for a nonce of 0. */

static void
hl_chacha(const uint32_t *key, uint32_t counter, uint32_t *out)
{
    size_t    i;
    uint32_t  x[HL_CHACHA_WORDS], start[HL_CHACHA_WORDS] = {
        0x61707865, 0x3320646e, 0x79622d32, 0x6b206574
    };

    memcpy(&start[4], key, sizeof(hl_guest.random_key));
    start[12] = counter;

    memcpy(x, start, sizeof(x));

    for (i = 0; i < HL_CHACHA_ROUNDS; i++) {
        hl_chacha_quarter(x, 0, 4, 8, 12);
        hl_chacha_quarter(x, 1, 5, 9, 13);
        hl_chacha_quarter(x, 2, 6, 10, 14);
        hl_chacha_quarter(x, 3, 7, 11, 15);

        hl_chacha_quarter(x, 0, 5, 10, 15);
        hl_chacha_quarter(x, 1, 6, 11, 12);
        hl_chacha_quarter(x, 2, 7, 8, 13);
        hl_chacha_quarter(x, 3, 4, 9, 14);
    }

    for (i = 0; i < HL_CHACHA_WORDS; i++) {
        out[i] = x[i] + start[i];
    }

    explicit_bzero(x, sizeof(x));
    explicit_bzero(start, sizeof(start));
}


static void
hl_chacha_quarter(uint32_t *x, size_t a, size_t b, size_t c, size_t d)
{
    x[a] += x[b]; x[d] = hl_rotate(x[d] ^ x[a], 16);
    x[c] += x[d]; x[b] = hl_rotate(x[b] ^ x[c], 12);
    x[a] += x[b]; x[d] = hl_rotate(x[d] ^ x[a], 8);
    x[c] += x[d]; x[b] = hl_rotate(x[b] ^ x[c], 7);
}
