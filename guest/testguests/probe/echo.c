/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * echo.c: values of each type in and out, errors of typed functions.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"


#define PROBE_TEXT  512


static char *
echo_string(char *s)
{
    return s;
}


static int32_t
echo_int(int32_t n)
{
    return n;
}


static uint32_t
echo_uint(uint32_t n)
{
    return n;
}


static int64_t
echo_long(int64_t n)
{
    return n;
}


static uint64_t
echo_ulong(uint64_t n)
{
    return n;
}


static float
echo_float(float x)
{
    return x;
}


static double
echo_double(double x)
{
    return x;
}


static bool
echo_bool(bool b)
{
    return b;
}


static hl_Vec
echo_bytes(hl_Vec bytes)
{
    return bytes;
}


static void
do_nothing(void)
{
}


/* All types at once, as text. */

static const char *
eleven(int32_t i, uint32_t u, int64_t l, uint64_t ul, float f, double d,
    char *s, bool b, hl_Vec v, int32_t i2, char *s2)
{
    static char  text[PROBE_TEXT];

    snprintf(text, sizeof(text),
             "%" PRId32 " %" PRIu32 " %" PRId64 " %" PRIu64 " %.3f %.3f %s "
             "%d %.*s %" PRId32 " %s",
             i, u, l, ul, (double) f, d, s, b, (int) v.len,
             (const char *) v.data, i2, s2);

    return text;
}


/* The error counts, the result does not. */

static int32_t
set_error(int32_t code, char *message)
{
    hl_set_error((hl_ErrorCode) code, message);

    return 1;
}


/* A result of "n" bytes: 0, 1, ... 255, 0, ... */

static hl_Vec
big_result(int32_t n)
{
    size_t  i;
    hl_Vec  result;

    result.len = (size_t) n;
    result.data = malloc(result.len);

    for (i = 0; i < result.len; i++) {
        result.data[i] = (uint8_t) i;
    }

    return result;
}


static hl_Vec *
return_null(const hl_FunctionCall *call)
{
    (void) call;

    return NULL;
}


/* Not a result: no hl_flatbuffer_result_from_ function made it. */

static hl_Vec *
return_parameter(const hl_FunctionCall *call)
{
    hl_Vec  *own;

    own = malloc(sizeof(hl_Vec));
    *own = call->parameters[0].value.VecBytes;

    return own;
}


/* A String with a byte that UTF-8 does not have. */

static const char *
not_utf8(void)
{
    return "a\xff" "b";
}


hl_Vec *
c_guest_dispatch_function(const hl_FunctionCall *call)
{
    if (strcmp(call->function_name,
               "ThisIsNotARealFunctionButTheNameIsImportant") == 0)
    {
        return hl_flatbuffer_result_from_Int(99);
    }

    return NULL;
}


HYPERLIGHT_WRAP_FUNCTION(echo_string, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(echo_int, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(echo_uint, UInt, 1, UInt)
HYPERLIGHT_WRAP_FUNCTION(echo_long, Long, 1, Long)
HYPERLIGHT_WRAP_FUNCTION(echo_ulong, ULong, 1, ULong)
HYPERLIGHT_WRAP_FUNCTION(echo_float, Float, 1, Float)
HYPERLIGHT_WRAP_FUNCTION(echo_double, Double, 1, Double)
HYPERLIGHT_WRAP_FUNCTION(echo_bool, Bool, 1, Bool)
HYPERLIGHT_WRAP_FUNCTION(echo_bytes, VecBytes, 1, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(do_nothing, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(eleven, String, 11, Int, UInt, Long, ULong, Float,
                         Double, String, Bool, VecBytes, Int, String)
HYPERLIGHT_WRAP_FUNCTION(set_error, Int, 2, Int, String)
HYPERLIGHT_WRAP_FUNCTION(big_result, VecBytes, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(not_utf8, String, 0)


void
probe_echo_register(void)
{
    static const hl_ParameterType  bytes[] = { hl_ParameterType_VecBytes };

    HYPERLIGHT_REGISTER_FUNCTION("Echo", echo_string);
    HYPERLIGHT_REGISTER_FUNCTION("EchoInt", echo_int);
    HYPERLIGHT_REGISTER_FUNCTION("EchoUInt", echo_uint);
    HYPERLIGHT_REGISTER_FUNCTION("EchoLong", echo_long);
    HYPERLIGHT_REGISTER_FUNCTION("EchoULong", echo_ulong);
    HYPERLIGHT_REGISTER_FUNCTION("EchoFloat", echo_float);
    HYPERLIGHT_REGISTER_FUNCTION("EchoDouble", echo_double);
    HYPERLIGHT_REGISTER_FUNCTION("EchoBool", echo_bool);
    HYPERLIGHT_REGISTER_FUNCTION("EchoBytes", echo_bytes);
    HYPERLIGHT_REGISTER_FUNCTION("DoNothing", do_nothing);
    HYPERLIGHT_REGISTER_FUNCTION("Eleven", eleven);
    HYPERLIGHT_REGISTER_FUNCTION("SetError", set_error);
    HYPERLIGHT_REGISTER_FUNCTION("BigResult", big_result);
    HYPERLIGHT_REGISTER_FUNCTION("NotUtf8", not_utf8);

    hl_register_function_definition("ReturnNull", return_null, 0, bytes,
                                    hl_ReturnType_Int);
    hl_register_function_definition("ReturnParameter", return_parameter, 1,
                                    bytes, hl_ReturnType_VecBytes);

    /* Registered twice: the later one counts. */
    hl_register_function_definition("Twice", return_null, 0, bytes,
                                    hl_ReturnType_Int);
    HYPERLIGHT_REGISTER_FUNCTION("Twice", do_nothing);
}
