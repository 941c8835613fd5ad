/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * sum.h: what the soak's client and its guest (t/guests/soak.c) both compute,
 * so that an answer shows which request it belongs to: a sum over all of a
 * request, and streams of bytes that a key decides.  Of 64 bits, so that no
 * two of millions are alike; Perl computes that of HL::Act, which has 32.
 */

#ifndef _SOAK_SUM_H_INCLUDED_
#define _SOAK_SUM_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define SOAK_SUM_START  0xcbf29ce484222325ull

/* Streams of one key for different uses. */
#define SOAK_KEY_VEIL  0x7665696cull
#define SOAK_KEY_ASK   0x61736bull
#define SOAK_KEY_HEAD  0x68656164ull
#define SOAK_KEY_PASS  0x70617373ull


/* splitmix64: each input has another output. */

static inline uint64_t
soak_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;

    return x ^ (x >> 31);
}


/* FNV-1a: goes on from "sum", in pieces of any length. */

static inline uint64_t
soak_sum(uint64_t sum, const void *data, size_t len)
{
    size_t          i;
    const uint8_t  *p = data;

    for (i = 0; i < len; i++) {
        sum = (sum ^ p[i]) * 0x100000001b3ull;
    }

    return sum;
}


/* The same, of a string and its end. */

static inline uint64_t
soak_sum_text(uint64_t sum, const char *text)
{
    do {
        sum = soak_sum(sum, text, 1);
    } while (*text++ != '\0');

    return sum;
}


static inline uint64_t
soak_stream_word(uint64_t key, uint64_t offset)
{
    return soak_mix(key + offset / 8 * 0x632be59bd9b4e019ull);
}


/* Adds the stream of "key", from "offset" on, to bytes: twice is nothing. */

static inline void
soak_stream(uint64_t key, uint64_t offset, uint8_t *buf, size_t len)
{
    uint64_t  word, bytes;

    while (len > 0) {
        word = soak_stream_word(key, offset);

        if (offset % 8 == 0 && len >= 8) {
            __builtin_memcpy(&bytes, buf, 8);
            bytes ^= word;
            __builtin_memcpy(buf, &bytes, 8);

            buf += 8;
            offset += 8;
            len -= 8;
            continue;
        }

        *buf++ ^= (uint8_t) (word >> (offset % 8 * 8));
        offset++;
        len--;
    }
}


#endif /* _SOAK_SUM_H_INCLUDED_ */
