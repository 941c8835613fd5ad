/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hmac.c: checks the signature of a webhook, in the form that is usual
 * (GitHub's, in X-Hub-Signature-256, looks the same):
 *
 *     X-Signature: sha256=HEX
 *
 * HEX being the HMAC-SHA-256 (RFC 2104, FIPS 180-4) of the body.  The answer
 * is 204, or 403.  The key is the guest's init_data, but for a newline at its
 * end.  It is hashed once, when nginx starts a worker: each request starts
 * from the two states that result.
 *
 *     hyperlight_guest hmac {
 *         binary     hmac.elf;
 *         init_data  webhook.key;
 *     }
 *
 *     location /hook {
 *         hyperlight_pass hmac hmac;
 *     }
 */

#include <stdlib.h>
#include <string.h>

#include <hyperlight_http.h>


#define BLOCK   64
#define DIGEST  32


/* The state of SHA-256 after the key, of the inner and the outer hash. */
static uint32_t  inner[8], outer[8];

static const uint32_t  initial[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
};


static uint32_t
rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}


static void
sha256_block(uint32_t state[8], const uint8_t block[BLOCK])
{
    int              i;
    uint32_t         w[64], v[8], s0, s1, t1, t2;
    const uint8_t   *p;

    static const uint32_t  k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
        0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
        0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
        0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
        0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
        0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
        0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
        0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
    };

    for (i = 0; i < 16; i++) {
        p = block + 4 * i;
        w[i] = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
               | (uint32_t) p[2] << 8 | p[3];
    }

    for ( /* void */ ; i < 64; i++) {
        s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }

    memcpy(v, state, sizeof(v));

    for (i = 0; i < 64; i++) {
        s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
        t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
        t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += t1;
        v[0] = t1 + t2;
    }

    for (i = 0; i < 8; i++) {
        state[i] += v[i];
    }
}


/* Of "before" bytes, whole blocks, which led to "state", and "data". */

static void
sha256(const uint32_t state[8], size_t before, const void *data, size_t len,
    uint8_t digest[DIGEST])
{
    size_t          i, rest, end;
    uint8_t         last[2 * BLOCK] = { 0 };
    uint32_t        h[8];
    uint64_t        bits;
    const uint8_t  *p;

    memcpy(h, state, sizeof(h));
    bits = (before + len) * 8;

    for (p = data, rest = len; rest >= BLOCK; p += BLOCK, rest -= BLOCK) {
        sha256_block(h, p);
    }

    /* The rest, a bit that is 1, zeros, and the length in eight bytes. */

    memcpy(last, p, rest);
    last[rest] = 0x80;
    end = rest + 1 + sizeof(bits) <= BLOCK ? BLOCK : 2 * BLOCK;

    for (i = 1; i <= sizeof(bits); i++, bits >>= 8) {
        last[end - i] = (uint8_t) bits;
    }

    for (i = 0; i < end; i += BLOCK) {
        sha256_block(h, last + i);
    }

    for (i = 0; i < DIGEST; i++) {
        digest[i] = (uint8_t) (h[i / 4] >> (24 - 8 * (i % 4)));
    }
}


static void
hmac_init(const uint8_t *key, size_t len)
{
    int      i;
    uint8_t  inner_pad[BLOCK], outer_pad[BLOCK], block[BLOCK] = { 0 };

    if (len <= BLOCK) {
        memcpy(block, key, len);

    } else {
        sha256(initial, 0, key, len, block);
    }

    for (i = 0; i < BLOCK; i++) {
        inner_pad[i] = block[i] ^ 0x36;
        outer_pad[i] = block[i] ^ 0x5c;
    }

    memcpy(inner, initial, sizeof(inner));
    sha256_block(inner, inner_pad);

    memcpy(outer, initial, sizeof(outer));
    sha256_block(outer, outer_pad);
}


/* From "sha256=HEX", letters in either case; false if it is not that. */

static bool
read_signature(hl_http_view_t header, uint8_t digest[DIGEST])
{
    int          i;
    char         byte[3] = "";
    const char  *hex;

    if (header.len != 7 + 2 * DIGEST
        || strncmp(header.data, "sha256=", 7) != 0)
    {
        return false;
    }

    hex = header.data + 7;

    if (strspn(hex, "0123456789abcdefABCDEF") != 2 * DIGEST) {
        return false;
    }

    for (i = 0; i < DIGEST; i++) {
        memcpy(byte, hex + 2 * i, 2);
        digest[i] = (uint8_t) strtoul(byte, NULL, 16);
    }

    return true;
}


/*
 * Takes the same time wherever the two differ: else one who guesses learns
 * from how long the answer takes how many bytes are right.
 */

static bool
equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t            i;
    volatile uint8_t  difference;

    difference = 0;

    for (i = 0; i < len; i++) {
        difference = (uint8_t) (difference | (a[i] ^ b[i]));
    }

    return difference == 0;
}


static void
hmac(const hl_http_request_t *req, hl_http_response_t *resp)
{
    uint8_t         claimed[DIGEST], digest[DIGEST];
    hl_http_view_t  body;

    body = hl_http_body(req);

    sha256(inner, BLOCK, body.data, body.len, digest);
    sha256(outer, BLOCK, digest, DIGEST, digest);

    if (read_signature(hl_http_header(req, "X-Signature"), claimed)
        && equal(claimed, digest, DIGEST))
    {
        hl_http_set_status(resp, 204);
        return;
    }

    hl_http_set_status(resp, 403);
    hl_http_add_header(resp, "Content-Type", "text/plain");
    hl_http_printf(resp, "The signature is missing or wrong.\n");
}


/* Without a key the guest does not start. */

void
hyperlight_main(void)
{
    hl_Vec  key;

    key = hl_user_data();

    if (key.len > 0 && key.data[key.len - 1] == '\n') {
        key.len--;
    }

    if (key.len == 0) {
        hl_abort_with_code_and_message(hl_ErrorCode_GuestError,
                                       "init_data has to be the key");
    }

    hmac_init(key.data, key.len);
    hl_http_register("hmac", hmac);
}
