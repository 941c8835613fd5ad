/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * api.c: the typed API: registration, results, host functions, user data.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyperlight_guest.h>


#define API_MANY_NAME  "Many"
#define API_MANY       12               /* one more than can be called */


static bool  api_constructed;


static __attribute__((constructor)) void
api_construct(void)
{
    api_constructed = true;
}


static bool
constructed(void)
{
    return api_constructed;
}


/* init_data, as the host gave it. */

static hl_Vec
user_data(void)
{
    return hl_user_data();
}


static bool
user_data_is_null(void)
{
    return hl_user_data().data == NULL && hl_user_data().len == 0;
}


/* Faults, unless the host lets the guest write there. */

static int32_t
user_data_write(int32_t value)
{
    hl_user_data().data[0] = (uint8_t) value;

    return hl_user_data().data[0];
}


static uint64_t
counter(void)
{
    return hl_guest_counter();
}


/* The same, before and after a host function that may have changed it. */

static uint64_t
counter_over_call(void)
{
    uint64_t         before;
    hl_FunctionCall  call = {
        .function_name = "Tick",
        .return_type = hl_ReturnType_Int
    };

    before = hl_guest_counter();
    hl_call_host_function(&call);
    (void) hl_get_host_return_value_as_Int();

    return hl_guest_counter() - before;
}


static void
nothing(void)
{
}


static hl_Vec *
null(const hl_FunctionCall *call)
{
    (void) call;

    return NULL;
}


static hl_Vec *
error_and_value(const hl_FunctionCall *call)
{
    (void) call;

    hl_set_error(hl_ErrorCode_GuestError, "first");
    hl_set_error(hl_ErrorCode_GuestError, "set, and then a value");

    return hl_flatbuffer_result_from_Int(1);
}


/* A hl_Vec that is none of the library's. */

static hl_Vec *
own_vec(const hl_FunctionCall *call)
{
    hl_Vec  *vec;

    (void) call;

    vec = calloc(1, sizeof(hl_Vec));

    return vec;
}


/* Results of the other family, from functions that return a hl_Vec. */

static hl_Vec *
result_from(const hl_FunctionCall *call)
{
    const char    *s;
    hl_ByteChunk   chunks[3];

    s = call->parameters[0].value.String;

    if (strcmp(s, "Int") == 0) {
        return hl_result_from_Int(-42);
    }

    if (strcmp(s, "UInt") == 0) {
        return hl_result_from_UInt(0xfffffffe);
    }

    if (strcmp(s, "Long") == 0) {
        return hl_result_from_Long(INT64_MIN);
    }

    if (strcmp(s, "ULong") == 0) {
        return hl_result_from_ULong(UINT64_MAX);
    }

    if (strcmp(s, "Float") == 0) {
        return hl_result_from_Float(-1.5f);
    }

    if (strcmp(s, "Double") == 0) {
        return hl_result_from_Double(-0.0);
    }

    if (strcmp(s, "Bool") == 0) {
        return hl_result_from_Bool(true);
    }

    if (strcmp(s, "Void") == 0) {
        return hl_result_from_Void();
    }

    if (strcmp(s, "String") == 0) {
        return hl_result_from_String("a string");
    }

    if (strcmp(s, "StringBytes") == 0) {
        return hl_result_from_StringBytes("a string, cut", 8);
    }

    if (strcmp(s, "StringBytesNul") == 0) {
        return hl_result_from_StringBytes("a\0b", 3);
    }

    if (strcmp(s, "Bytes") == 0) {
        return hl_result_from_Bytes((const uint8_t *) "a\0b", 3);
    }

    if (strcmp(s, "NoBytes") == 0) {
        return hl_result_from_Bytes(NULL, 0);
    }

    chunks[0].data = (const uint8_t *) "one ";
    chunks[0].len = 4;
    chunks[1].data = NULL;
    chunks[1].len = 0;
    chunks[2].data = (const uint8_t *) "two";
    chunks[2].len = 3;

    return hl_result_from_ByteChunks((hl_ByteChunks) { chunks, 3 });
}


/* Calls a host function without parameters, goes on if that fails. */

static char *
try_host(char *name)
{
    char             *text;
    hl_ReturnValue   *value;
    hl_FunctionCall   call = {
        .function_name = name,
        .return_type = hl_ReturnType_String
    };

    value = hl_call_host_function_with_result(&call);

    if (value == NULL) {
        (void) asprintf(&text, "failed: %s", hl_host_error());
        return text;
    }

    (void) asprintf(&text, "tag %d: %s", (int) value->tag,
                    value->value.String);
    hl_free_return_value(value);

    return text;
}


/* A call that no host function can have, in one of a few ways. */

static char *
try_wrong(char *how)
{
    char              long_name[257], *text;
    hl_Parameter      params[12];
    hl_ReturnValue   *value;
    hl_FunctionCall   call = {
        .function_name = "Text",
        .parameters = params,
        .return_type = hl_ReturnType_String
    };

    memset(params, 0, sizeof(params));

    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';

    if (strcmp(how, "parameters") == 0) {
        call.parameters_len = 12;

    } else if (strcmp(how, "long name") == 0) {
        call.function_name = long_name;

    } else if (strcmp(how, "no name") == 0) {
        call.function_name = "";

    } else if (strcmp(how, "parameter type") == 0) {
        params[0].tag = (hl_ParameterType) (hl_ParameterType_VecBytes + 1);
        call.parameters_len = 1;

    } else if (strcmp(how, "return type") == 0) {
        call.return_type = (hl_ReturnType) (hl_ReturnType_VecBytes + 1);

    } else if (strcmp(how, "length") == 0) {
        params[0].tag = hl_ParameterType_VecBytes;
        params[0].value.VecBytes.data = (uint8_t *) long_name;
        params[0].value.VecBytes.len = UINTPTR_MAX;
        call.parameters_len = 1;
    }

    value = hl_call_host_function_with_result(&call);

    if (value == NULL) {
        (void) asprintf(&text, "%s", hl_host_error());
        return text;
    }

    return "it was called";
}


/* Tells the host why a host function failed, in the library's own copy. */

static int32_t
print_host_error(char *name)
{
    int32_t           n;
    hl_Parameter      text;
    hl_ReturnValue   *value;
    hl_FunctionCall   call = {
        .function_name = name,
        .return_type = hl_ReturnType_String
    };

    hl_free_return_value(hl_call_host_function_with_result(&call));

    text.tag = hl_ParameterType_String;
    text.value.String = (char *) (uintptr_t) hl_host_error();

    call.function_name = "HostPrint";
    call.parameters = &text;
    call.parameters_len = 1;
    call.return_type = hl_ReturnType_Int;

    value = hl_call_host_function_with_result(&call);
    n = value->value.Int;
    hl_free_return_value(value);

    return n;
}


/* Hands the failure on by returning NULL. */

static hl_Vec *
pass_host_error(const hl_FunctionCall *call)
{
    hl_ReturnValue   *value;
    hl_FunctionCall   host = {
        .function_name = call->parameters[0].value.String,
        .return_type = hl_ReturnType_String
    };

    value = hl_call_host_function_with_result(&host);

    if (value == NULL) {
        return NULL;
    }

    hl_free_return_value(value);

    return hl_flatbuffer_result_from_String("no error");
}


static int32_t
host_chunks(char *name)
{
    int32_t           n;
    hl_ByteChunks    *chunks;
    hl_FunctionCall   call = {
        .function_name = name,
        .return_type = hl_ReturnType_VecBytes
    };

    hl_call_host_function(&call);
    chunks = hl_get_host_return_value_as_ByteChunks();
    n = (int32_t) chunks->count * 1000 + (int32_t) chunks->chunks[0].len;
    hl_free_byte_chunks(chunks);

    return n;
}


/* What the getters give can be freed; a heap that leaks would be used up. */

static int32_t
free_host_strings(char *name)
{
    char             *s;
    int32_t           i;
    hl_Vec           *vec;
    hl_FunctionCall   call = {
        .function_name = name,
        .return_type = hl_ReturnType_String
    };

    for (i = 0; i < 100; i++) {
        call.return_type = hl_ReturnType_String;
        call.function_name = name;
        hl_call_host_function(&call);
        s = (char *) (uintptr_t) hl_get_host_return_value_as_String();
        free(s);

        call.return_type = hl_ReturnType_VecBytes;
        call.function_name = "Bytes";
        hl_call_host_function(&call);
        vec = hl_get_host_return_value_as_VecBytes();
        free(vec);
    }

    return i;
}


static int32_t
use_alloca(int32_t n)
{
    char  *p;

    p = _alloca((size_t) n);
    memset(p, 1, (size_t) n);

    return p[n - 1] == 1 ? n : -1;
}


static int32_t
first_of_two(void)
{
    return 1;
}


static int32_t
second_of_two(int32_t n)
{
    return n + 1;
}


/* More than there is room for yet, while one of them runs. */

static hl_Vec *
register_more(const hl_FunctionCall *call)
{
    int   i;
    char  name[16];

    (void) call;

    for (i = 0; i < 100; i++) {
        (void) snprintf(name, sizeof(name), "More%d", i);
        hl_register_function_definition(name, null, 0, NULL,
                                        hl_ReturnType_Int);
    }

    return NULL;
}


HYPERLIGHT_WRAP_FUNCTION(constructed, Bool, 0)
HYPERLIGHT_WRAP_FUNCTION(user_data, VecBytes, 0)
HYPERLIGHT_WRAP_FUNCTION(user_data_is_null, Bool, 0)
HYPERLIGHT_WRAP_FUNCTION(user_data_write, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(counter, ULong, 0)
HYPERLIGHT_WRAP_FUNCTION(counter_over_call, ULong, 0)
HYPERLIGHT_WRAP_FUNCTION(nothing, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(try_host, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(try_wrong, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(print_host_error, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(host_chunks, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(free_host_strings, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(use_alloca, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(first_of_two, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(second_of_two, Int, 1, Int)


void
hyperlight_main(void)
{
    hl_ParameterType  many[API_MANY] = { hl_ParameterType_Int };
    hl_ParameterType  string[] = { hl_ParameterType_String };

    HYPERLIGHT_REGISTER_FUNCTION("Constructed", constructed);
    HYPERLIGHT_REGISTER_FUNCTION("UserData", user_data);
    HYPERLIGHT_REGISTER_FUNCTION("UserDataIsNull", user_data_is_null);
    HYPERLIGHT_REGISTER_FUNCTION("UserDataWrite", user_data_write);
    HYPERLIGHT_REGISTER_FUNCTION("Counter", counter);
    HYPERLIGHT_REGISTER_FUNCTION("CounterOverCall", counter_over_call);
    HYPERLIGHT_REGISTER_FUNCTION("Nothing", nothing);
    HYPERLIGHT_REGISTER_FUNCTION("TryHost", try_host);
    HYPERLIGHT_REGISTER_FUNCTION("TryWrong", try_wrong);
    HYPERLIGHT_REGISTER_FUNCTION("PrintHostError", print_host_error);
    HYPERLIGHT_REGISTER_FUNCTION("HostChunks", host_chunks);
    HYPERLIGHT_REGISTER_FUNCTION("FreeHostStrings", free_host_strings);
    HYPERLIGHT_REGISTER_FUNCTION("UseAlloca", use_alloca);

    /* the second one counts */
    HYPERLIGHT_REGISTER_FUNCTION("Twice", first_of_two);
    HYPERLIGHT_REGISTER_FUNCTION("Twice", second_of_two);

    hl_register_function_definition("Null", null, 0, NULL,
                                    hl_ReturnType_Int);
    hl_register_function_definition("RegisterMore", register_more, 0, NULL,
                                    hl_ReturnType_Int);
    hl_register_function_definition("ErrorAndValue", error_and_value, 0, NULL,
                                    hl_ReturnType_Int);
    hl_register_function_definition("OwnVec", own_vec, 0, NULL,
                                    hl_ReturnType_Int);
    hl_register_function_definition("ResultFrom", result_from, 1, string,
                                    hl_ReturnType_Int);
    hl_register_function_definition("PassHostError", pass_host_error, 1,
                                    string, hl_ReturnType_String);
    hl_register_function_definition(API_MANY_NAME, null, API_MANY, many,
                                    hl_ReturnType_Int);
}
