/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * host.c: what a guest asks of its host: log, print, host functions.
 */

#include <stdio.h>
#include <string.h>

#include "probe.h"


static void
host_call(const char *name, hl_ParameterType type, hl_ParameterValue value,
    hl_ReturnType result)
{
    hl_Parameter     param = { .tag = type, .value = value };
    hl_FunctionCall  call = {
        .function_name = name,
        .parameters = &param,
        .parameters_len = 1,
        .return_type = result
    };

    hl_call_host_function(&call);
}


/* Any host function from String to String. */

static const char *
call_host(char *name, char *arg)
{
    host_call(name, hl_ParameterType_String,
              (hl_ParameterValue) { .String = arg }, hl_ReturnType_String);

    return hl_get_host_return_value_as_String();
}


static const char *
get_header(char *name)
{
    static char  host_function[] = "GetHeader";

    return call_host(host_function, name);
}


/* Any host function from Int to Int. */

static int32_t
call_host_int(char *name, int32_t arg)
{
    host_call(name, hl_ParameterType_Int,
              (hl_ParameterValue) { .Int = arg }, hl_ReturnType_Int);

    return hl_get_host_return_value_as_Int();
}


/* Any host function from VecBytes to VecBytes. */

static hl_Vec
call_host_bytes(char *name, hl_Vec arg)
{
    host_call(name, hl_ParameterType_VecBytes,
              (hl_ParameterValue) { .VecBytes = arg },
              hl_ReturnType_VecBytes);

    return *hl_get_host_return_value_as_VecBytes();
}


/* Aborts: the getter has nothing to get. */

static int32_t
get_nothing(void)
{
    return hl_get_host_return_value_as_Int();
}


/* Asks the host for one type and takes the answer as another: aborts. */

static int32_t
get_wrong_type(char *name, char *arg)
{
    host_call(name, hl_ParameterType_String,
              (hl_ParameterValue) { .String = arg }, hl_ReturnType_String);

    return hl_get_host_return_value_as_Int();
}


static int32_t
print_output(char *text)
{
    int  n;

    n = printf("%s", text);
    fflush(stdout);

    return n;
}


/* Is printed by the end of the call. */

static void
print_unflushed(char *text)
{
    fputs(text, stdout);
}


static void
print_stderr(char *text)
{
    fputs(text, stderr);
}


/* More than the output area takes at once. */

static int32_t
print_lines(int32_t n)
{
    int32_t  i;

    for (i = 0; i < n; i++) {
        printf("line %d of what does not fit all at once\n", (int) i);
    }

    return n;
}


static int32_t
log_message(char *message, int64_t level)
{
    LOG((hl_Level) level, message);

    return -1;
}


/* Each level, and those on both sides that do not exist. */

static void
log_levels(void)
{
    LOG(0, "level 0");
    LOG(hl_Level_Error, "an error");
    LOG(hl_Level_Warn, "a warning");
    LOG(hl_Level_Info, "an information");
    LOG(hl_Level_Debug, "a debug message");
    LOG(hl_Level_Trace, "a trace message");
    LOG(hl_Level_Trace + 1, "level 6");
}


HYPERLIGHT_WRAP_FUNCTION(call_host, String, 2, String, String)
HYPERLIGHT_WRAP_FUNCTION(call_host_int, Int, 2, String, Int)
HYPERLIGHT_WRAP_FUNCTION(call_host_bytes, VecBytes, 2, String, VecBytes)
HYPERLIGHT_WRAP_FUNCTION(get_header, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(get_nothing, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(get_wrong_type, Int, 2, String, String)
HYPERLIGHT_WRAP_FUNCTION(print_output, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(print_unflushed, Void, 1, String)
HYPERLIGHT_WRAP_FUNCTION(print_stderr, Void, 1, String)
HYPERLIGHT_WRAP_FUNCTION(print_lines, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(log_message, Int, 2, String, Long)
HYPERLIGHT_WRAP_FUNCTION(log_levels, Void, 0)


void
probe_host_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("CallHost", call_host);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostInt", call_host_int);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostBytes", call_host_bytes);
    HYPERLIGHT_REGISTER_FUNCTION("GetHeader", get_header);
    HYPERLIGHT_REGISTER_FUNCTION("GetNothing", get_nothing);
    HYPERLIGHT_REGISTER_FUNCTION("GetWrongType", get_wrong_type);
    HYPERLIGHT_REGISTER_FUNCTION("PrintOutput", print_output);
    HYPERLIGHT_REGISTER_FUNCTION("PrintUnflushed", print_unflushed);
    HYPERLIGHT_REGISTER_FUNCTION("PrintStderr", print_stderr);
    HYPERLIGHT_REGISTER_FUNCTION("PrintLines", print_lines);
    HYPERLIGHT_REGISTER_FUNCTION("LogMessage", log_message);
    HYPERLIGHT_REGISTER_FUNCTION("LogLevels", log_levels);
}
