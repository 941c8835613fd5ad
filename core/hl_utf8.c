/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_utf8.c: whether bytes can be a String: UTF-8 (RFC 3629) without NUL.
 */

#include "hl_error.h"


static size_t hl_utf8_sequence(const uint8_t *p, size_t left);


hl_status_t
hl_check_string(const void *data, size_t len, hl_error_t *err)
{
    size_t          n;
    const uint8_t  *p, *end;

    p = data;

    for (end = p + len; p < end; p += n) {

        if (*p > 0 && *p < 0x80) {
            n = 1;
            continue;
        }

        n = hl_utf8_sequence(p, (size_t) (end - p));

        if (n == 0) {
            return hl_error_set(err, HL_ERR_STRING, "byte %zu of a String "
                                "is %s",
                                (size_t) (p - (const uint8_t *) data),
                                *p == 0 ? "NUL" : "not UTF-8");
        }
    }

    return HL_OK;
}


/* The length of the sequence of two to four bytes at p, 0 if it is none. */
static size_t
hl_utf8_sequence(const uint8_t *p, size_t left)
{
    size_t    n, i;
    uint32_t  c;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (*p >= 0xc2 && *p < 0xe0) {
        n = 2;
        c = *p & 0x1f;

    } else if (*p >= 0xe0 && *p < 0xf0) {
        n = 3;
        c = *p & 0x0f;

    } else if (*p >= 0xf0 && *p < 0xf5) {
        n = 4;
        c = *p & 0x07;

    } else {
        return 0;
    }

    if (n > left) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        return 0;
    }

    return n;
}
