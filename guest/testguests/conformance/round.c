/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * round.c: CallHost<Type>(name, value): any host function from this type to
 * this type, and its answer.  String, Int and VecBytes are in probe.
 */

#include "conformance.h"


static void
call(const char *name, const hl_Parameter *params, size_t n,
    hl_ReturnType result)
{
    hl_FunctionCall  host_call = {
        .function_name = name,
        .parameters = params,
        .parameters_len = n,
        .return_type = result
    };

    hl_call_host_function(&host_call);
}


#define ROUND(type, c_type)                                                   \
    static c_type                                                             \
    round_##type(char *name, c_type value)                                    \
    {                                                                         \
        hl_Parameter  param = {                                               \
            .tag = hl_ParameterType_##type, .value.type = value               \
        };                                                                    \
                                                                              \
        call(name, &param, 1, hl_ReturnType_##type);                          \
                                                                              \
        return hl_get_host_return_value_as_##type();                          \
    }                                                                         \
                                                                              \
    HYPERLIGHT_WRAP_FUNCTION(round_##type, type, 2, String, type)

ROUND(UInt, uint32_t)
ROUND(Long, int64_t)
ROUND(ULong, uint64_t)
ROUND(Float, float)
ROUND(Double, double)
ROUND(Bool, bool)


/* A host function without parameters and without a result. */

static void
round_void(char *name)
{
    call(name, NULL, 0, hl_ReturnType_Void);
}


/* Ten parameters, the last one Int again, and a String for an answer. */

static const char *
round_all(char *name, int32_t i, uint32_t u, int64_t l, uint64_t ul, float f,
    double d, char *s, bool b, hl_Vec v, int32_t last)
{
    hl_Parameter  params[] = {
        { .tag = hl_ParameterType_Int, .value.Int = i },
        { .tag = hl_ParameterType_UInt, .value.UInt = u },
        { .tag = hl_ParameterType_Long, .value.Long = l },
        { .tag = hl_ParameterType_ULong, .value.ULong = ul },
        { .tag = hl_ParameterType_Float, .value.Float = f },
        { .tag = hl_ParameterType_Double, .value.Double = d },
        { .tag = hl_ParameterType_String, .value.String = s },
        { .tag = hl_ParameterType_Bool, .value.Bool = b },
        { .tag = hl_ParameterType_VecBytes, .value.VecBytes = v },
        { .tag = hl_ParameterType_Int, .value.Int = last }
    };

    call(name, params, sizeof(params) / sizeof(params[0]),
         hl_ReturnType_String);

    return hl_get_host_return_value_as_String();
}


HYPERLIGHT_WRAP_FUNCTION(round_void, Void, 1, String)
HYPERLIGHT_WRAP_FUNCTION(round_all, String, 11, String, Int, UInt, Long,
                         ULong, Float, Double, String, Bool, VecBytes, Int)


void
conformance_round_register(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("CallHostUInt", round_UInt);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostLong", round_Long);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostULong", round_ULong);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostFloat", round_Float);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostDouble", round_Double);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostBool", round_Bool);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostVoid", round_void);
    HYPERLIGHT_REGISTER_FUNCTION("CallHostAll", round_all);
}
