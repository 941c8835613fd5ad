/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * values.c: a guest in the manner of Hyperlight's 0.17, whose functions
 * return a hl_ReturnValue.
 */

#define HYPERLIGHT_RETURN_VALUES

#include <string.h>

#include <hyperlight_guest.h>


static int32_t
add(int32_t a, int32_t b)
{
    return a + b;
}


static char *
echo(char *s)
{
    return s;
}


static void
nothing(void)
{
}


static hl_ReturnValue *
look(const hl_FunctionCall *call)
{
    hl_ReturnValue  *result;

    result = hl_result_from_String(call->parameters[0].value.String);

    if (result->tag == hl_ReturnType_String
        && strcmp(result->value.String, "change") == 0)
    {
        result->value.String[0] = 'C';
    }

    return result;
}


hl_ReturnValue *
c_guest_dispatch_function(const hl_FunctionCall *call)
{
    if (strcmp(call->function_name, "Unregistered") != 0) {
        return NULL;
    }

    return hl_result_from_Int((int32_t) call->parameters_len);
}


HYPERLIGHT_WRAP_FUNCTION(add, Int, 2, Int, Int)
HYPERLIGHT_WRAP_FUNCTION(echo, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(nothing, Void, 0)


void
hyperlight_main(void)
{
    hl_ParameterType  string[] = { hl_ParameterType_String };

    HYPERLIGHT_REGISTER_FUNCTION("Add", add);
    HYPERLIGHT_REGISTER_FUNCTION("Echo", echo);
    HYPERLIGHT_REGISTER_FUNCTION("Nothing", nothing);

    hl_register_function_definition("Look", look, 1, string,
                                    hl_ReturnType_String);
}
