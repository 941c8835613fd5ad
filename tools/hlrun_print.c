/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun_print.c: what comes from the guest, so that it is safe to show, and
 * in a form that hlrun_value.c reads.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hlrun.h"


#define HLRUN_FIRST_C1       0x80       /* control characters of Unicode */
#define HLRUN_LAST_C1        0x9f

#define HLRUN_FLOAT_DIGITS   9          /* that tell all numbers apart */
#define HLRUN_DOUBLE_DIGITS  17


static size_t hlrun_utf8(const uint8_t *p, size_t left);
static void hlrun_put_char(FILE *out, const uint8_t *p, size_t n);
static void hlrun_print_double(FILE *out, double x, bool is_float);


void
hlrun_put_text(FILE *out, const void *text, size_t len)
{
    size_t          n;
    const uint8_t  *p, *end;

    p = text;

    for (end = p + len; p < end; p += n) {
        n = hlrun_utf8(p, (size_t) (end - p));

        if (n == 0) {
            (void) fputs("\\ufffd", out);
            n = 1;
            continue;
        }

        hlrun_put_char(out, p, n);
    }
}


/* The length of the sequence at p, 0 if it is none. */

static size_t
hlrun_utf8(const uint8_t *p, size_t left)
{
    size_t      n;
    hl_error_t  err;

    if (*p < 0x80) {
        return 1;
    }

    n = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

    if (n > left || hl_check_string(p, n, &err) != HL_OK) {
        return 0;
    }

    return n;
}


static void
hlrun_put_char(FILE *out, const uint8_t *p, size_t n)
{
    unsigned     code;
    const char  *at;

    static const char  plain[] = "\"\\\b\f\n\r\t";
    static const char  letter[] = "\"\\bfnrt";

    code = *p;

    if (n == 2) {
        code = ((unsigned) (p[0] & 0x1f) << 6) | (p[1] & 0x3f);
    }

    at = n == 1 && code != 0 ? strchr(plain, (int) code) : NULL;

    if (at != NULL) {
        (void) fprintf(out, "\\%c", letter[at - plain]);

    } else if ((n == 1 && (code < 0x20 || code == 0x7f))
               || (n == 2 && code >= HLRUN_FIRST_C1 && code <= HLRUN_LAST_C1))
    {
        (void) fprintf(out, "\\u%04x", code);

    } else {
        (void) fwrite(p, 1, n, out);
    }
}


void
hlrun_value_print(FILE *out, const hl_value_t *value)
{
    size_t          i;
    const uint8_t  *p;

    switch (value->type) {

    case HL_TYPE_INT:
        (void) fprintf(out, "%" PRId32, value->v.i32);
        break;

    case HL_TYPE_UINT:
        (void) fprintf(out, "%" PRIu32, value->v.u32);
        break;

    case HL_TYPE_LONG:
        (void) fprintf(out, "%" PRId64, value->v.i64);
        break;

    case HL_TYPE_ULONG:
        (void) fprintf(out, "%" PRIu64, value->v.u64);
        break;

    case HL_TYPE_FLOAT:
        hlrun_print_double(out, (double) value->v.f32, true);
        break;

    case HL_TYPE_DOUBLE:
        hlrun_print_double(out, value->v.f64, false);
        break;

    case HL_TYPE_BOOL:
        (void) fputs(value->v.boolean ? "true" : "false", out);
        break;

    case HL_TYPE_STRING:
        (void) fputc('"', out);
        hlrun_put_text(out, value->v.bytes.data, value->v.bytes.len);
        (void) fputc('"', out);
        break;

    case HL_TYPE_VECBYTES:
        (void) fputs("x\"", out);

        for (i = 0, p = value->v.bytes.data; i < value->v.bytes.len; i++) {
            (void) fprintf(out, "%02x", p[i]);
        }

        (void) fputc('"', out);
        break;

    default: /* HL_TYPE_VOID */
        break;
    }
}


/* The shortest text that is this number again, with a point or exponent. */

static void
hlrun_print_double(FILE *out, double x, bool is_float)
{
    int   digits, max;
    char  text[64];

    max = is_float ? HLRUN_FLOAT_DIGITS : HLRUN_DOUBLE_DIGITS;

    for (digits = 1; digits <= max; digits++) {
        (void) snprintf(text, sizeof(text), "%.*g", digits, x);

        if (is_float ? (double) strtof(text, NULL) == x
                     : strtod(text, NULL) == x)
        {
            break;
        }
    }

    (void) fputs(text, out);

    if (strpbrk(text, ".einf") == NULL) {
        (void) fputs(".0", out);
    }
}
