/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun_value.c: arguments of guest functions from text, close to JSON.
 *
 *     Int UInt Long ULong    -5  0x1f
 *     Float Double           1.5  -2e10  inf  nan
 *     Bool                   true  false
 *     String                 "text \" \\ \n \u00e9"
 *     VecBytes               x"00ff"  [0, 255]
 *
 * What hlrun_print.c prints can be given back.
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hlrun.h"


#define HLRUN_SURROGATE   0xd800u       /* UTF-16: high ones, then low ones */
#define HLRUN_LOW         0xdc00u
#define HLRUN_NOT_HIGH    0xe000u


typedef bool (*hlrun_parse_pt)(hl_value_t *value, const char *text,
    const char **why);

typedef struct {
    const char      *name;
    const char      *expected;
    hlrun_parse_pt   parse;             /* NULL: results only */
} hlrun_type_t;


static bool hlrun_parse_int(hl_value_t *value, const char *text,
    const char **why);
static bool hlrun_parse_uint(hl_value_t *value, const char *text,
    const char **why);
static bool hlrun_parse_long(hl_value_t *value, const char *text,
    const char **why);
static bool hlrun_parse_ulong(hl_value_t *value, const char *text,
    const char **why);
static bool hlrun_parse_float(hl_value_t *value, const char *text,
    const char **why);
static bool hlrun_parse_double(hl_value_t *value, const char *text,
    const char **why);
static bool hlrun_parse_string(hl_value_t *value, const char *text,
    const char **why);
static bool hlrun_parse_bool(hl_value_t *value, const char *text,
    const char **why);
static bool hlrun_parse_bytes(hl_value_t *value, const char *text,
    const char **why);

static bool hlrun_escape(hlrun_buffer_t *buffer, const char **p,
    const char **why);
static bool hlrun_unicode(hlrun_buffer_t *buffer, const char **p,
    const char **why);
static bool hlrun_hex4(const char *p, unsigned *code);
static int hlrun_hex(char c);
static bool hlrun_hex_bytes(hlrun_buffer_t *buffer, const char *p,
    const char **why);
static bool hlrun_list_bytes(hlrun_buffer_t *buffer, const char *p,
    const char **why);


/* In the order of hl_type_t. */
static const hlrun_type_t  hlrun_types[HL_TYPE_LAST + 1] = {
    { "Int", "Int, from -2147483648 to 2147483647", hlrun_parse_int },
    { "UInt", "UInt, from 0 to 4294967295", hlrun_parse_uint },
    { "Long", "Long, from -9223372036854775808 to 9223372036854775807",
      hlrun_parse_long },
    { "ULong", "ULong, from 0 to 18446744073709551615", hlrun_parse_ulong },
    { "Float", "Float, such as 1.5, up to 3.4028235e38", hlrun_parse_float },
    { "Double", "Double, such as 1.5, up to 1.7976931348623157e308",
      hlrun_parse_double },
    { "String", "String, such as \"text\", the quotes with it",
      hlrun_parse_string },
    { "Bool", "Bool, true or false", hlrun_parse_bool },
    { "Void", NULL, NULL },
    { "VecBytes", "VecBytes, such as x\"00ff\" or [0, 255]",
      hlrun_parse_bytes }
};


const char *
hlrun_type_name(hl_type_t type)
{
    return hlrun_types[type].name;
}


bool
hlrun_type_find(const char *name, hl_type_t *type)
{
    size_t  i;

    for (i = 0; i <= HL_TYPE_LAST; i++) {

        if (strcmp(hlrun_types[i].name, name) == 0) {
            *type = (hl_type_t) i;
            return true;
        }
    }

    return false;
}


void
hlrun_value_parse(hl_value_t *value, hl_type_t type, const char *text,
    const char *what)
{
    const char  *why;

    memset(value, 0, sizeof(hl_value_t));

    why = NULL;
    value->type = type;

    if (!hlrun_types[type].parse(value, text, &why)) {
        hlrun_fail(HLRUN_USAGE, "%s: expected %s, but got %s%s%s", what,
                   hlrun_types[type].expected, text,
                   why != NULL ? ": " : "", why != NULL ? why : "");
    }
}


hl_type_t
hlrun_value_type(const char *text)
{
    hl_value_t   value;
    const char  *why;

    if (text[0] == '"') {
        return HL_TYPE_STRING;
    }

    if (text[0] == '[' || (text[0] == 'x' && text[1] == '"')) {
        return HL_TYPE_VECBYTES;
    }

    if (hlrun_parse_bool(&value, text, &why)) {
        return HL_TYPE_BOOL;
    }

    if (hlrun_parse_int(&value, text, &why)) {
        return HL_TYPE_INT;
    }

    if (hlrun_parse_long(&value, text, &why)) {
        return HL_TYPE_LONG;
    }

    if (hlrun_parse_ulong(&value, text, &why)) {
        return HL_TYPE_ULONG;
    }

    if (hlrun_parse_double(&value, text, &why)) {
        return HL_TYPE_DOUBLE;
    }

    return HL_TYPE_STRING;              /* and that will say what is wrong */
}


static bool
hlrun_parse_long(hl_value_t *value, const char *text, const char **why)
{
    char  *end;

    (void) why;

    errno = 0;
    value->v.i64 = strtoll(text, &end,
                           strpbrk(text, "xX") != NULL ? 16 : 10);

    return *text != '\0' && strchr("-+0123456789", *text) != NULL
           && end != text && *end == '\0' && errno == 0;
}


static bool
hlrun_parse_ulong(hl_value_t *value, const char *text, const char **why)
{
    char  *end;

    (void) why;

    errno = 0;
    value->v.u64 = strtoull(text, &end,
                            strpbrk(text, "xX") != NULL ? 16 : 10);

    return *text != '\0' && strchr("+0123456789", *text) != NULL
           && end != text && *end == '\0' && errno == 0;
}


static bool
hlrun_parse_int(hl_value_t *value, const char *text, const char **why)
{
    hl_value_t  whole;

    if (!hlrun_parse_long(&whole, text, why)
        || whole.v.i64 < INT32_MIN || whole.v.i64 > INT32_MAX)
    {
        return false;
    }

    value->v.i32 = (int32_t) whole.v.i64;

    return true;
}


static bool
hlrun_parse_uint(hl_value_t *value, const char *text, const char **why)
{
    hl_value_t  whole;

    if (!hlrun_parse_ulong(&whole, text, why) || whole.v.u64 > UINT32_MAX) {
        return false;
    }

    value->v.u32 = (uint32_t) whole.v.u64;

    return true;
}


/* Underflow is no error: the nearest number is taken. */

static bool
hlrun_parse_double(hl_value_t *value, const char *text, const char **why)
{
    char  *end;

    (void) why;

    errno = 0;
    value->v.f64 = strtod(text, &end);

    return *text != '\0' && strchr("-+.0123456789in", *text) != NULL
           && *end == '\0'
           && !(errno == ERANGE && fabs(value->v.f64) > 1.0);
}


static bool
hlrun_parse_float(hl_value_t *value, const char *text, const char **why)
{
    char  *end;

    (void) why;

    errno = 0;
    value->v.f32 = strtof(text, &end);

    return *text != '\0' && strchr("-+.0123456789in", *text) != NULL
           && *end == '\0'
           && !(errno == ERANGE && fabsf(value->v.f32) > 1.0f);
}


static bool
hlrun_parse_bool(hl_value_t *value, const char *text, const char **why)
{
    (void) why;

    value->v.boolean = strcmp(text, "true") == 0;

    return value->v.boolean || strcmp(text, "false") == 0;
}


static bool
hlrun_parse_string(hl_value_t *value, const char *text, const char **why)
{
    hl_error_t       err;
    const char      *p;
    hlrun_buffer_t   buffer = { NULL, 0, 0 };

    static char  bad[HL_ERROR_TEXT];

    if (*text != '"') {
        return false;
    }

    for (p = text + 1; *p != '"'; ) {

        if (*p == '\0') {
            *why = "the closing quote is missing";
            return false;
        }

        if (*p != '\\') {
            hlrun_append(&buffer, p++, 1);
            continue;
        }

        if (!hlrun_escape(&buffer, &p, why)) {
            return false;
        }
    }

    if (p[1] != '\0') {
        *why = "there is something behind the closing quote";
        return false;
    }

    if (hl_check_string(buffer.data, buffer.len, &err) != HL_OK) {
        (void) snprintf(bad, sizeof(bad), "%s", err.text);
        *why = bad;
        return false;
    }

    value->v.bytes.data = buffer.data;
    value->v.bytes.len = buffer.len;

    return true;
}


/* RFC 8259, 7; *p is at the backslash, and behind the escape afterwards. */

static bool
hlrun_escape(hlrun_buffer_t *buffer, const char **p, const char **why)
{
    const char  *at;

    static const char  letter[] = "\"\\/bfnrt";
    static const char  plain[] = "\"\\/\b\f\n\r\t";

    (*p)++;

    if (**p == 'u') {
        return hlrun_unicode(buffer, p, why);
    }

    at = **p != '\0' ? strchr(letter, **p) : NULL;

    if (at == NULL) {
        *why = "an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t "
               "\\u and four hexadecimal digits";
        return false;
    }

    hlrun_append(buffer, &plain[at - letter], 1);
    (*p)++;

    return true;
}


static bool
hlrun_unicode(hlrun_buffer_t *buffer, const char **p, const char **why)
{
    size_t    i, n;
    unsigned  code, low;
    uint8_t   utf8[4];

    if (!hlrun_hex4(*p + 1, &code)) {
        *why = "\\u takes four hexadecimal digits";
        return false;
    }

    *p += 5;

    if (code >= HLRUN_SURROGATE && code < HLRUN_NOT_HIGH) {

        if (code >= HLRUN_LOW || (*p)[0] != '\\' || (*p)[1] != 'u'
            || !hlrun_hex4(*p + 2, &low)
            || low < HLRUN_LOW || low >= HLRUN_NOT_HIGH)
        {
            *why = "half of a surrogate pair";
            return false;
        }

        *p += 6;
        code = 0x10000 + ((code - HLRUN_SURROGATE) << 10)
               + (low - HLRUN_LOW);
    }

    /* RFC 3629, 3 */

    n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (i = n - 1; i > 0; i--) {
        utf8[i] = (uint8_t) (0x80 | (code & 0x3f));
        code >>= 6;
    }

    utf8[0] = (uint8_t) (n == 1 ? code : (0xf0u << (4 - n)) | code);

    hlrun_append(buffer, utf8, n);

    return true;
}


static bool
hlrun_hex4(const char *p, unsigned *code)
{
    int  i, digit;

    *code = 0;

    for (i = 0; i < 4; i++) {
        digit = hlrun_hex(p[i]);

        if (digit < 0) {
            return false;
        }

        *code = *code << 4 | (unsigned) digit;
    }

    return true;
}


/* -1: not a digit. */

static int
hlrun_hex(char c)
{
    const char  *at;

    static const char  digits[] = "00112233445566778899aAbBcCdDeEfF";

    at = c != '\0' ? strchr(digits, c) : NULL;

    if (at == NULL) {
        return -1;
    }

    return (int) (at - digits) / 2;
}


static bool
hlrun_parse_bytes(hl_value_t *value, const char *text, const char **why)
{
    bool             ok;
    hlrun_buffer_t   buffer = { NULL, 0, 0 };

    if (text[0] == 'x' && text[1] == '"') {
        ok = hlrun_hex_bytes(&buffer, text + 2, why);

    } else if (text[0] == '[') {
        ok = hlrun_list_bytes(&buffer, text + 1, why);

    } else {
        return false;
    }

    value->v.bytes.data = buffer.data;
    value->v.bytes.len = buffer.len;

    return ok;
}


static bool
hlrun_hex_bytes(hlrun_buffer_t *buffer, const char *p, const char **why)
{
    int      high, low;
    uint8_t  byte;

    for ( ; *p != '"' && *p != '\0'; p += 2) {
        high = hlrun_hex(p[0]);
        low = high < 0 ? -1 : hlrun_hex(p[1]);

        if (low < 0) {
            *why = "two hexadecimal digits make a byte";
            return false;
        }

        byte = (uint8_t) (high << 4 | low);
        hlrun_append(buffer, &byte, 1);
    }

    if (p[0] != '"' || p[1] != '\0') {
        *why = *p == '"' ? "there is something behind the closing quote"
                         : "the closing quote is missing";
        return false;
    }

    return true;
}


static bool
hlrun_list_bytes(hlrun_buffer_t *buffer, const char *p, const char **why)
{
    char           *end;
    uint8_t         byte;
    unsigned long   n;

    static const char  blanks[] = " \t\r\n";

    p += strspn(p, blanks);

    if (p[0] == ']' && p[1] == '\0') {
        return true;
    }

    *why = "a list is numbers from 0 to 255 with commas between them, in [ ]";

    for ( ;; ) {
        p += strspn(p, blanks);

        if (*p < '0' || *p > '9') {
            return false;
        }

        n = strtoul(p, &end, 10);

        if (n > UINT8_MAX) {
            return false;
        }

        byte = (uint8_t) n;
        hlrun_append(buffer, &byte, 1);

        p = end + strspn(end, blanks);

        if (*p != ',') {
            return p[0] == ']' && p[1] == '\0';
        }

        p++;
    }
}
