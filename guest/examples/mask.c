/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * mask.c: two filters for the responses of an application that says too
 * much.  "headers" takes away headers that tell what the application is made
 * of, and adds those that browsers should have; "cards" masks the numbers of
 * payment cards in whatever text goes out, but for their last four digits.
 *
 *     hyperlight_guest mask {
 *         binary   mask.elf;
 *         timeout  60s;
 *     }
 *
 *     location / {
 *         proxy_pass                http://127.0.0.1:8081;
 *         proxy_set_header          Accept-Encoding "";
 *         hyperlight_header_filter  mask headers;
 *         hyperlight_body_filter    mask cards;
 *     }
 *
 * What is compressed already cannot be read: the upstream is asked for plain
 * text, and nginx compresses what comes out of the filter, if gzip is on.
 * Small responses leave whole, large ones piece by piece.
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <hyperlight_http.h>


#define PIECE       16384
#define DIGITS_MIN  13
#define DIGITS_MAX  19
#define SHOWN       4

/* What is written before it is sent, and the response has no length. */
#define WHOLE       65536


/*
 * Digits in groups, with a blank or a hyphen between two of them.  A card's
 * number is some of the groups, as what stands beside it may be a date: room
 * is for the longest one that begins with the first group, and for what tells
 * where its last group ends.
 */
typedef struct {
    char    text[2 * DIGITS_MAX];
    bool    hidden[2 * DIGITS_MAX];
    size_t  len;
    bool    cut;        /* the first group has begun before */
} number_t;


/* The check digit (ISO/IEC 7812-1, annex B). */

static bool
is_card(const char *text, size_t len, size_t digits)
{
    size_t    i, n;
    unsigned  digit, sum;

    if (digits < DIGITS_MIN || digits > DIGITS_MAX) {
        return false;
    }

    sum = 0;
    n = 0;

    for (i = len; i-- > 0; ) {
        if (isdigit((unsigned char) text[i])) {
            digit = (unsigned) (text[i] - '0');
            digit <<= n++ & 1;
            sum += digit > 9 ? digit - 9 : digit;
        }
    }

    return sum % 10 == 0;
}


/* "ended": nothing comes behind what there is. */

static bool
is_group_end(const number_t *number, size_t i, bool ended)
{
    if (!isdigit((unsigned char) number->text[i])) {
        return false;
    }

    return i + 1 < number->len ? !isdigit((unsigned char) number->text[i + 1])
                               : ended;
}


static void
hide_card(number_t *number, size_t len)
{
    size_t  i, shown;

    shown = 0;

    for (i = len; i-- > 0; ) {
        if (isdigit((unsigned char) number->text[i]) && shown++ >= SHOWN) {
            number->hidden[i] = true;
        }
    }
}


/* All that begin with the first group: which of them is one, nobody knows. */

static void
hide_cards(number_t *number, bool ended)
{
    size_t  i, digits;

    digits = 0;

    for (i = 0; i < number->len && !number->cut; i++) {
        digits += isdigit((unsigned char) number->text[i]) != 0;

        if (is_group_end(number, i, ended)
            && is_card(number->text, i + 1, digits))
        {
            hide_card(number, i + 1);
        }
    }
}


/* Sends the first group, of which all is known, and what is behind it. */

static void
send_first(number_t *number, bool ended, hl_http_response_t *resp)
{
    size_t  i, n;

    hide_cards(number, ended);

    n = 0;

    while (n < number->len && isdigit((unsigned char) number->text[n])) {
        n++;
    }

    number->cut = (n == number->len);

    while (n < number->len && !isdigit((unsigned char) number->text[n])) {
        n++;
    }

    for (i = 0; i < n; i++) {
        if (number->hidden[i]) {
            number->text[i] = '*';
        }
    }

    hl_http_write(resp, number->text, n);

    number->len -= n;
    memmove(number->text, number->text + n, number->len);
    memmove(number->hidden, number->hidden + n, number->len);
}


static void
end_number(number_t *number, hl_http_response_t *resp)
{
    while (number->len > 0) {
        send_first(number, true, resp);
    }

    number->cut = false;
}


/* True: it belongs to the number, or may. */

static bool
add_char(number_t *number, char c, hl_http_response_t *resp)
{
    if (!isdigit((unsigned char) c)
        && (number->len == 0 || (c != ' ' && c != '-')
            || !isdigit((unsigned char) number->text[number->len - 1])))
    {
        return false;
    }

    if (number->len == sizeof(number->text)) {
        send_first(number, false, resp);
    }

    number->text[number->len] = c;
    number->hidden[number->len++] = false;

    return true;
}


static void
mask(number_t *number, const char *data, size_t len, hl_http_response_t *resp)
{
    size_t  i, plain;

    plain = 0;

    for (i = 0; i < len; i++) {

        if (number->len == 0 && !isdigit((unsigned char) data[i])) {
            continue;
        }

        if (number->len == 0) {
            hl_http_write(resp, data + plain, i - plain);
        }

        if (!add_char(number, data[i], resp)) {
            end_number(number, resp);
            plain = i;

        } else {
            plain = i + 1;
        }
    }

    hl_http_write(resp, data + plain, len - plain);
}


static bool
is_text(const hl_http_request_t *req)
{
    size_t             i, len;
    hl_http_view_t     type;
    const char *const  types[] = {
        "text/", "application/json", "application/xml",
        "application/javascript"
    };

    if (hl_http_original_header(req, "Content-Encoding").data != NULL) {
        return false;
    }

    type = hl_http_original_header(req, "Content-Type");

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        len = strlen(types[i]);

        if (type.len >= len && strncasecmp(type.data, types[i], len) == 0) {
            return true;
        }
    }

    return false;
}


static void
cards(const hl_http_request_t *req, hl_http_response_t *resp)
{
    char      piece[PIECE];
    bool      text;
    size_t    written;
    ssize_t   n;
    number_t  number = { 0 };

    text = is_text(req);
    written = 0;

    while ((n = hl_http_read_body(req, piece, sizeof(piece))) > 0) {

        if (text) {
            mask(&number, piece, (size_t) n, resp);

        } else {
            hl_http_write(resp, piece, (size_t) n);
        }

        written += (size_t) n;

        if (written >= WHOLE) {
            hl_http_flush(resp);
        }
    }

    end_number(&number, resp);
}


static void
headers(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_view_t  type;

    hl_http_remove_header(resp, "X-Powered-By");
    hl_http_remove_header(resp, "X-AspNet-Version");
    hl_http_remove_header(resp, "X-Generator");

    hl_http_set_header(resp, "X-Content-Type-Options", "nosniff");
    hl_http_set_header(resp, "Referrer-Policy", "same-origin");

    type = hl_http_original_header(req, "Content-Type");

    /* the application may know better what its pages need */

    if (type.len >= 9 && strncasecmp(type.data, "text/html", 9) == 0
        && hl_http_original_header(req, "Content-Security-Policy").data
           == NULL)
    {
        hl_http_add_header(resp, "Content-Security-Policy",
                           "default-src 'self'; frame-ancestors 'none'");
    }
}


void
hyperlight_main(void)
{
    hl_http_register("headers", headers);
    hl_http_register("cards", cards);
}
