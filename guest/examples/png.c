/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * png.c: draws a bar chart of the numbers in the arguments, as a PNG image.
 *
 *     GET /chart?v=3,1,4,1,5,9&w=320&h=120
 *
 * At most 64 numbers, each at most 1000000; "w" and "h" are from 16 to 640,
 * and may be left out.  Anything else is answered with 400.
 *
 *     hyperlight_pass png png;
 */

#include <stdlib.h>
#include <string.h>

#include <hyperlight_http.h>


#define VALUES_MAX   64
#define VALUE_MAX    1000000
#define WIDTH_MIN    16                 /* and least height */
#define WIDTH_MAX    640                /* and greatest height */
#define GRID         4                  /* so many parts, lines between them */

#define PIXEL_BITS   2                  /* of PNG: 1, 2, 4 or 8 */
#define PIXELS       (8 / PIXEL_BITS)   /* in a byte */
#define ADLER_PRIME  65521

/* Colours are numbers in the palette: red, green, blue of each. */
enum { WHITE, GREY, BLUE, COLOURS };

static const uint8_t  palette[COLOURS][3] = {
    { 0xff, 0xff, 0xff },
    { 0xcc, 0xcc, 0xcc },
    { 0x22, 0x66, 0xaa }
};


typedef struct {
    uint32_t  values[VALUES_MAX];
    uint32_t  count;
    uint32_t  highest;
    uint32_t  width;
    uint32_t  height;
} chart_t;


/* Computed before the first request: all of them find it ready. */
static uint32_t  crc_table[256];


/* ---- the chart --------------------------------------------------------- */

/* The colour of a pixel; "y" counts from the bottom. */

static unsigned
pixel(const chart_t *chart, uint32_t x, uint32_t y)
{
    uint32_t  slot, left, right;

    slot = x * chart->count / chart->width;
    left = (slot * chart->width + chart->count - 1) / chart->count;
    right = ((slot + 1) * chart->width + chart->count - 1) / chart->count;

    /* A fifth of the room is left empty, before the bar. */
    if (x >= left + (right - left) / 5
        && (uint64_t) y * chart->highest
           < (uint64_t) chart->values[slot] * chart->height)
    {
        return BLUE;
    }

    return y % (chart->height / GRID) == 0 ? GREY : WHITE;
}


static void
draw_row(const chart_t *chart, uint32_t y, uint8_t *row)
{
    unsigned  shift;
    uint32_t  x;

    for (x = 0; x < chart->width; x++) {
        shift = 8 - PIXEL_BITS * (x % PIXELS + 1);
        row[x / PIXELS] |= (uint8_t) (pixel(chart, x, y) << shift);
    }
}


/* ---- PNG (RFC 2083), in zlib's format (RFC 1950, 1951) ----------------- */

static void
crc_init(void)
{
    int       bit;
    uint32_t  i, c;

    for (i = 0; i < 256; i++) {
        c = i;

        for (bit = 0; bit < 8; bit++) {
            c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
        }

        crc_table[i] = c;
    }
}


static uint32_t
crc(uint32_t c, const void *data, size_t len)
{
    const uint8_t  *p;

    for (p = data; len > 0; p++, len--) {
        c = crc_table[(c ^ *p) & 0xff] ^ c >> 8;
    }

    return c;
}


static void
put_u32(uint8_t *p, uint32_t n)
{
    p[0] = (uint8_t) (n >> 24);
    p[1] = (uint8_t) (n >> 16);
    p[2] = (uint8_t) (n >> 8);
    p[3] = (uint8_t) n;
}


static void
write_chunk(hl_http_response_t *resp, const char *type, const void *data,
    size_t len)
{
    uint8_t  head[8], tail[4];

    put_u32(head, (uint32_t) len);
    memcpy(head + 4, type, 4);
    put_u32(tail, ~crc(crc(~0u, type, 4), data, len));

    hl_http_write(resp, head, sizeof(head));
    hl_http_write(resp, data, len);
    hl_http_write(resp, tail, sizeof(tail));
}


/* Each row is a block of its own, and is stored as it is. */

static void
write_image(const chart_t *chart, hl_http_response_t *resp)
{
    size_t     i, row;
    uint8_t    head[13] = { [8] = PIXEL_BITS, 3 /* a palette */ };
    uint8_t   *data, *p;
    uint32_t   y, a, b;

    put_u32(head, chart->width);
    put_u32(head + 4, chart->height);

    /* One for the filter, which is 0: none. */
    row = 1 + (chart->width + PIXELS - 1) / PIXELS;

    data = p = calloc(2 + chart->height * (5 + row) + 4, 1);
    a = 1;
    b = 0;

    *p++ = 0x78;
    *p++ = 0x01;

    for (y = chart->height; y-- > 0; p += row) {
        *p++ = y == 0;                  /* the last one? */
        *p++ = (uint8_t) row;
        *p++ = (uint8_t) (row >> 8);
        *p++ = (uint8_t) ~row;
        *p++ = (uint8_t) (~row >> 8);

        draw_row(chart, y, p + 1);

        for (i = 0; i < row; i++) {
            a = (a + p[i]) % ADLER_PRIME;
            b = (b + a) % ADLER_PRIME;
        }
    }

    put_u32(p, b << 16 | a);

    hl_http_write(resp, "\x89PNG\r\n\x1a\n", 8);
    write_chunk(resp, "IHDR", head, sizeof(head));
    write_chunk(resp, "PLTE", palette, sizeof(palette));
    write_chunk(resp, "IDAT", data, (size_t) (p + 4 - data));
    write_chunk(resp, "IEND", "", 0);

    free(data);
}


/* ---- the request ------------------------------------------------------- */

/* Whether this comes next, which is passed over then. */

static bool
accept(const char **p, const char *text)
{
    if (strncmp(*p, text, strlen(text)) != 0) {
        return false;
    }

    *p += strlen(text);

    return true;
}


/* A number up to "max", passed over; false if there is none. */

static bool
read_number(const char **p, uint32_t max, uint32_t *n)
{
    const char  *first;

    first = *p;

    for (*n = 0; **p >= '0' && **p <= '9' && *n <= max; (*p)++) {
        *n = *n * 10 + (uint32_t) (**p - '0');
    }

    return *p > first && *n <= max;
}


static bool
read_values(const char **p, chart_t *chart)
{
    uint32_t  *value;

    chart->count = 0;
    chart->highest = 0;

    do {
        if (chart->count == VALUES_MAX) {
            return false;
        }

        value = &chart->values[chart->count++];

        if (!read_number(p, VALUE_MAX, value)) {
            return false;
        }

        if (*value > chart->highest) {
            chart->highest = *value;
        }

    } while (accept(p, ","));

    return true;
}


static bool
read_size(const char **p, uint32_t *size)
{
    return read_number(p, WIDTH_MAX, size) && *size >= WIDTH_MIN;
}


static bool
read_args(const char *p, chart_t *chart)
{
    bool  ok;

    *chart = (chart_t) { .width = 320, .height = 120 };

    do {
        if (accept(&p, "v=")) {
            ok = read_values(&p, chart);

        } else if (accept(&p, "w=")) {
            ok = read_size(&p, &chart->width);

        } else if (accept(&p, "h=")) {
            ok = read_size(&p, &chart->height);

        } else {
            ok = false;
        }

    } while (ok && accept(&p, "&"));

    return ok && *p == '\0' && chart->count > 0;
}


static void
png(const hl_http_request_t *req, hl_http_response_t *resp)
{
    chart_t  chart;

    if (!read_args(hl_http_args(req).data, &chart)) {
        hl_http_set_status(resp, 400);
        hl_http_add_header(resp, "Content-Type", "text/plain");
        hl_http_printf(resp, "Not v=NUMBER,...&w=WIDTH&h=HEIGHT.\n");
        return;
    }

    hl_http_add_header(resp, "Content-Type", "image/png");
    write_image(&chart, resp);
}


void
hyperlight_main(void)
{
    crc_init();
    hl_http_register("png", png);
}
