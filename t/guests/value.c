/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * value.c: a guest for t/set.t: functions of all types of results, and some
 * that no variable can have.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyperlight_guest.h>


static int32_t  count;


/* How often: 1, being as new. */

static int32_t
counted(void)
{
    return ++count;
}


static const char *
joined(const char *a, const char *b)
{
    static char  text[1024];

    (void) snprintf(text, sizeof(text), "%s-%s", a, b);

    return text;
}


static const char *
same(const char *text)
{
    return text;
}


static hl_Vec
bytes(hl_Vec in)
{
    size_t  i;

    for (i = 0; i < in.len; i++) {
        in.data[i] ^= 0x80;
    }

    return in;
}


static int32_t
minimum(void)
{
    return INT32_MIN;
}


static uint32_t
maximum(void)
{
    return UINT32_MAX;
}


static int64_t
long_minimum(void)
{
    return INT64_MIN;
}


static uint64_t
long_maximum(void)
{
    return UINT64_MAX;
}


static float
third(void)
{
    return 1.0f / 3.0f;
}


static double
half(void)
{
    return 0.5;
}


static bool
is_empty(const char *text)
{
    return *text == '\0';
}


static void
nothing(void)
{
}


static int32_t
negative(int32_t n)
{
    return -n;
}


/* Of as many characters as the argument says. */

static const char *
filled(const char *size)
{
    char    *text;
    size_t   n;

    n = strtoul(size, NULL, 10);
    text = malloc(n + 1);

    memset(text, 'x', n);
    text[n] = '\0';

    return text;
}


static const char *
lines(void)
{
    return "a\r\nX-Evil: 1";
}


static const char *
failed(void)
{
    hl_set_error(hl_ErrorCode_GuestError, "no value today");

    return "";
}


static const char *
crashed(void)
{
    __builtin_trap();
}


static const char *
endless(void)
{
    volatile bool  forever;

    forever = true;

    while (forever) {
        __asm__ volatile ("pause");
    }

    return "";
}


HYPERLIGHT_WRAP_FUNCTION(counted, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(joined, String, 2, String, String)
HYPERLIGHT_WRAP_FUNCTION(same, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(bytes, VecBytes, 1, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(minimum, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(maximum, UInt, 0)
HYPERLIGHT_WRAP_FUNCTION(long_minimum, Long, 0)
HYPERLIGHT_WRAP_FUNCTION(long_maximum, ULong, 0)
HYPERLIGHT_WRAP_FUNCTION(third, Float, 0)
HYPERLIGHT_WRAP_FUNCTION(half, Double, 0)
HYPERLIGHT_WRAP_FUNCTION(is_empty, Bool, 1, String)
HYPERLIGHT_WRAP_FUNCTION(nothing, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(negative, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(filled, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(lines, String, 0)
HYPERLIGHT_WRAP_FUNCTION(failed, String, 0)
HYPERLIGHT_WRAP_FUNCTION(crashed, String, 0)
HYPERLIGHT_WRAP_FUNCTION(endless, String, 0)


void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("count", counted);
    HYPERLIGHT_REGISTER_FUNCTION("join", joined);
    HYPERLIGHT_REGISTER_FUNCTION("same", same);
    HYPERLIGHT_REGISTER_FUNCTION("bytes", bytes);
    HYPERLIGHT_REGISTER_FUNCTION("int", minimum);
    HYPERLIGHT_REGISTER_FUNCTION("uint", maximum);
    HYPERLIGHT_REGISTER_FUNCTION("long", long_minimum);
    HYPERLIGHT_REGISTER_FUNCTION("ulong", long_maximum);
    HYPERLIGHT_REGISTER_FUNCTION("float", third);
    HYPERLIGHT_REGISTER_FUNCTION("double", half);
    HYPERLIGHT_REGISTER_FUNCTION("bool", is_empty);
    HYPERLIGHT_REGISTER_FUNCTION("void", nothing);
    HYPERLIGHT_REGISTER_FUNCTION("negative", negative);
    HYPERLIGHT_REGISTER_FUNCTION("fill", filled);
    HYPERLIGHT_REGISTER_FUNCTION("lines", lines);
    HYPERLIGHT_REGISTER_FUNCTION("fail", failed);
    HYPERLIGHT_REGISTER_FUNCTION("crash", crashed);
    HYPERLIGHT_REGISTER_FUNCTION("spin", endless);
}
