/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * json.c: reads a JSON document from the request's body and answers with
 *
 *     {"total":N,"data":...}
 *
 * where "data" is the document without white space, its members renamed or
 * left out as the table below says, and N the sum of all numbers that are
 * called "amount".  The parser is strict (RFC 8259, and it has to be UTF-8):
 * what it refuses gets a 400 that names the byte at which it gave up.
 *
 *     hyperlight_pass json json;
 *
 *     curl -d '{"mail": "ada@example.org", "password": "x"}' localhost/json
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hyperlight_http.h>


/* At any depth; without a new name the member is left out. */
static const struct {
    const char  *name;
    const char  *new_name;
} names[] = {
    { "mail", "email" },
    { "zip", "postcode" },
    { "password", NULL },
    { "token", NULL }
};

#define NAMES      (sizeof(names) / sizeof(names[0]))
#define GROWTH     3                    /* no new name is so many times longer
                                           than the old one */
#define DEPTH_MAX  64                   /* each level takes some stack */


/* Where the document ends is a NUL: no test for the end is needed on the way
 * there, as long as none passes over a NUL. */
typedef struct {
    const char  *p;                     /* what comes next */
    char        *out;
    size_t       out_len;
    unsigned     depth;
    double       total;
    const char  *error;
} json_t;


static bool parse_value(json_t *json);


static bool
failed(json_t *json, const char *error)
{
    json->error = error;

    return false;
}


static void
put(json_t *json, const char *data, size_t len)
{
    memcpy(json->out + json->out_len, data, len);
    json->out_len += len;
}


static void
skip_space(json_t *json)
{
    json->p += strspn(json->p, " \t\r\n");
}


/* Whether "c" comes next, which is passed over then. */

static bool
accept(json_t *json, char c)
{
    if (*json->p != c) {
        return false;
    }

    json->p++;

    return true;
}


/* The value of four hexadecimal digits, or -1. */

static long
hex4(const char *p)
{
    char  text[5] = "";

    memcpy(text, p, strnlen(p, 4));

    return strspn(text, "0123456789abcdefABCDEF") == 4
           ? strtol(text, NULL, 16) : -1;
}


/* The length of the UTF-8 sequence at "p"; 0 if it is none (RFC 3629). */

static size_t
utf8_len(const char *p)
{
    size_t                i, len;
    unsigned              min, max;
    const unsigned char  *u;

    u = (const unsigned char *) p;

    if (u[0] < 0x80) {
        return 1;
    }

    if (u[0] < 0xc2 || u[0] > 0xf4) {
        return 0;
    }

    len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;

    /* No overlong form, no surrogate, nothing beyond U+10FFFF. */
    min = u[0] == 0xe0 ? 0xa0 : u[0] == 0xf0 ? 0x90 : 0x80;
    max = u[0] == 0xed ? 0x9f : u[0] == 0xf4 ? 0x8f : 0xbf;

    for (i = 1; i < len; i++) {
        if (u[i] < min || u[i] > max) {
            return 0;
        }

        min = 0x80;
        max = 0xbf;
    }

    return len;
}


static bool
parse_escape(json_t *json)
{
    if (*json->p == 'u' && hex4(json->p + 1) >= 0) {
        json->p += 5;

        return true;
    }

    if (*json->p != '\0' && strchr("\"\\/bfnrt", *json->p) != NULL) {
        json->p++;

        return true;
    }

    return failed(json, "not an escape sequence");
}


static bool
parse_string(json_t *json)
{
    size_t  len;

    if (!accept(json, '"')) {
        return failed(json, "a string is missing");
    }

    while (!accept(json, '"')) {

        if ((unsigned char) *json->p < ' ') {
            return failed(json, "a string has no end, or a control character");
        }

        if (accept(json, '\\')) {
            if (!parse_escape(json)) {
                return false;
            }

            continue;
        }

        len = utf8_len(json->p);

        if (len == 0) {
            return failed(json, "not UTF-8");
        }

        json->p += len;
    }

    return true;
}


static bool
parse_digits(json_t *json)
{
    size_t  n;

    n = strspn(json->p, "0123456789");
    json->p += n;

    return n > 0 || failed(json, "a digit is missing");
}


static bool
parse_number(json_t *json)
{
    (void) accept(json, '-');

    if (!accept(json, '0') && !parse_digits(json)) {
        return false;
    }

    if (accept(json, '.') && !parse_digits(json)) {
        return false;
    }

    if (accept(json, 'e') || accept(json, 'E')) {
        (void) (accept(json, '+') || accept(json, '-'));

        return parse_digits(json);
    }

    return true;
}


/*
 * Whether the valid string at "p" is "name", which is plain ASCII.  "token"
 * may be spelt "\u0074oken": a filter has to see through that.
 */

static bool
is_name(const char *p, const char *name)
{
    long  c;

    for (p++; *p != '"'; p++) {
        c = (unsigned char) *p;

        if (c == '\\') {
            /* The short escapes stand for what no name contains. */
            if (*++p != 'u') {
                return false;
            }

            c = hex4(p + 1);
            p += 4;
        }

        if (c == '\0' || c != *name++) {
            return false;
        }
    }

    return *name == '\0';
}


/* Without a trace if it is left out: "mark" is where its output begins. */

static bool
parse_member(json_t *json, size_t mark)
{
    double       total;
    size_t       i;
    const char  *name, *value;

    total = json->total;
    name = json->p;

    if (!parse_string(json)) {
        return false;
    }

    for (i = 0; i < NAMES && !is_name(name, names[i].name); i++) {
        /* void */
    }

    if (i < NAMES && names[i].new_name != NULL) {
        put(json, "\"", 1);
        put(json, names[i].new_name, strlen(names[i].new_name));
        put(json, "\"", 1);

    } else {
        put(json, name, (size_t) (json->p - name));
    }

    skip_space(json);

    if (!accept(json, ':')) {
        return failed(json, "a colon is missing");
    }

    put(json, ":", 1);
    skip_space(json);
    value = json->p;

    if (!parse_value(json)) {
        return false;
    }

    if (i < NAMES && names[i].new_name == NULL) {
        json->out_len = mark;
        json->total = total;

    } else if (is_name(name, "amount")) {
        /* What is no number counts as 0. */
        json->total += strtod(value, NULL);
    }

    return true;
}


/* An object or an array: "end" is the bracket that closes it. */

static bool
parse_list(json_t *json, char end)
{
    bool    ok;
    size_t  start, mark;

    if (++json->depth > DEPTH_MAX) {
        return failed(json, "too deep");
    }

    put(json, json->p - 1, 1);
    start = json->out_len;
    skip_space(json);

    if (*json->p != end) {
        do {
            mark = json->out_len;

            if (mark > start) {
                put(json, ",", 1);
            }

            skip_space(json);
            ok = end == '}' ? parse_member(json, mark) : parse_value(json);

            if (!ok) {
                return false;
            }

            skip_space(json);

        } while (accept(json, ','));
    }

    if (!accept(json, end)) {
        return failed(json, "a comma or a closing bracket is missing");
    }

    put(json, &end, 1);
    json->depth--;

    return true;
}


static bool
parse_value(json_t *json)
{
    size_t                    i;
    const char               *start;
    static const char *const  words[] = { "true", "false", "null" };

    if (accept(json, '{')) {
        return parse_list(json, '}');
    }

    if (accept(json, '[')) {
        return parse_list(json, ']');
    }

    start = json->p;

    if (*start == '"') {
        if (!parse_string(json)) {
            return false;
        }

    } else if (*start == '-' || (*start >= '0' && *start <= '9')) {
        if (!parse_number(json)) {
            return false;
        }

    } else {
        for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (strncmp(start, words[i], strlen(words[i])) == 0) {
                json->p += strlen(words[i]);
            }
        }

        if (json->p == start) {
            return failed(json, "a value is missing");
        }
    }

    put(json, start, (size_t) (json->p - start));

    return true;
}


static void
json_handler(const hl_http_request_t *req, hl_http_response_t *resp)
{
    json_t          json = { 0 };
    hl_http_view_t  body;

    body = hl_http_body(req);

    json.p = body.data;
    json.out = malloc(GROWTH * body.len + 1);

    hl_http_add_header(resp, "Content-Type", "application/json");

    skip_space(&json);

    if (parse_value(&json)) {
        skip_space(&json);

        if (json.p != body.data + body.len) {
            failed(&json, "something behind the document");
        }
    }

    if (json.error != NULL) {
        hl_http_set_status(resp, 400);
        hl_http_printf(resp, "{\"error\":\"%s\",\"position\":%zu}\n",
                       json.error, (size_t) (json.p - body.data));

    } else {
        /* Large amounts add up to infinity, which JSON does not have. */

        if (isfinite(json.total)) {
            hl_http_printf(resp, "{\"total\":%.15g,\"data\":", json.total);

        } else {
            hl_http_printf(resp, "{\"total\":null,\"data\":");
        }

        hl_http_write(resp, json.out, json.out_len);
        hl_http_write(resp, "}\n", 2);
    }

    free(json.out);
}


void
hyperlight_main(void)
{
    hl_http_register("json", json_handler);
}
