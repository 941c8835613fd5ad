/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * interface.c: compiles only if each name of Hyperlight's C headers is there,
 * with its type and value.  It has neither a hyperlight_main() nor a
 * c_guest_dispatch_function(): the library's do.
 */

#include <stddef.h>

#include "hyperlight_guest.h"


/* ---- values ------------------------------------------------------------ */

#define VALUE(name, value)                                                    \
    _Static_assert((name) == (value), #name " is " #value)

VALUE(hl_ErrorCode_NoError, 0);
VALUE(hl_ErrorCode_UnsupportedParameterType, 2);
VALUE(hl_ErrorCode_GuestFunctionNameNotProvided, 3);
VALUE(hl_ErrorCode_GuestFunctionNotFound, 4);
VALUE(hl_ErrorCode_GuestFunctionIncorrecNoOfParameters, 5);
VALUE(hl_ErrorCode_GispatchFunctionPointerNotSet, 6);
VALUE(hl_ErrorCode_OutbError, 7);
VALUE(hl_ErrorCode_UnknownError, 8);
VALUE(hl_ErrorCode_GsCheckFailed, 10);
VALUE(hl_ErrorCode_TooManyGuestFunctions, 11);
VALUE(hl_ErrorCode_FailureInDlmalloc, 12);
VALUE(hl_ErrorCode_MallocFailed, 13);
VALUE(hl_ErrorCode_GuestFunctionParameterTypeMismatch, 14);
VALUE(hl_ErrorCode_GuestError, 15);
VALUE(hl_ErrorCode_ArrayLengthParamIsMissing, 16);
VALUE(hl_ErrorCode_HostFunctionError, 17);

VALUE(hl_Level_Error, 1);
VALUE(hl_Level_Warn, 2);
VALUE(hl_Level_Info, 3);
VALUE(hl_Level_Debug, 4);
VALUE(hl_Level_Trace, 5);

VALUE(hl_ParameterType_Int, 0);
VALUE(hl_ParameterType_UInt, 1);
VALUE(hl_ParameterType_Long, 2);
VALUE(hl_ParameterType_ULong, 3);
VALUE(hl_ParameterType_Float, 4);
VALUE(hl_ParameterType_Double, 5);
VALUE(hl_ParameterType_String, 6);
VALUE(hl_ParameterType_Bool, 7);
VALUE(hl_ParameterType_VecBytes, 8);

VALUE(hl_ReturnType_Int, 0);
VALUE(hl_ReturnType_UInt, 1);
VALUE(hl_ReturnType_Long, 2);
VALUE(hl_ReturnType_ULong, 3);
VALUE(hl_ReturnType_Float, 4);
VALUE(hl_ReturnType_Double, 5);
VALUE(hl_ReturnType_String, 6);
VALUE(hl_ReturnType_Bool, 7);
VALUE(hl_ReturnType_Void, 8);
VALUE(hl_ReturnType_VecBytes, 9);


/* ---- types ------------------------------------------------------------- */

#define MEMBER(type, member, offset, c_type)                                  \
    VALUE(offsetof(type, member), offset);                                    \
    _Static_assert(_Generic(((type *) 0)->member, c_type: 1),                 \
                   #type "." #member " is " #c_type)

MEMBER(hl_Vec, data, 0, uint8_t *);
MEMBER(hl_Vec, len, 8, uintptr_t);

MEMBER(hl_ParameterValue, Int, 0, int32_t);
MEMBER(hl_ParameterValue, UInt, 0, uint32_t);
MEMBER(hl_ParameterValue, Long, 0, int64_t);
MEMBER(hl_ParameterValue, ULong, 0, uint64_t);
MEMBER(hl_ParameterValue, Float, 0, float);
MEMBER(hl_ParameterValue, Double, 0, double);
MEMBER(hl_ParameterValue, Bool, 0, bool);
MEMBER(hl_ParameterValue, String, 0, char *);
MEMBER(hl_ParameterValue, VecBytes, 0, hl_Vec);

MEMBER(hl_Parameter, tag, 0, hl_ParameterType);
MEMBER(hl_Parameter, value, 8, hl_ParameterValue);

MEMBER(hl_FunctionCall, function_name, 0, const char *);
MEMBER(hl_FunctionCall, parameters, 8, const hl_Parameter *);
MEMBER(hl_FunctionCall, parameters_len, 16, uintptr_t);
MEMBER(hl_FunctionCall, return_type, 24, hl_ReturnType);

MEMBER(hl_ReturnValue, tag, 0, hl_ReturnType);
MEMBER(hl_ReturnValue, value.Int, 8, int32_t);
MEMBER(hl_ReturnValue, value.VecBytes, 8, hl_Vec);

_Static_assert(_Generic((hl_Level) 0, uintptr_t: 1), "hl_Level");
VALUE(sizeof(enum hl_Level), sizeof(int));


/* ---- functions --------------------------------------------------------- */

/* Global: a static one would be unused. */
#define FUNCTION(name, result, ...)                                           \
    extern result (*const  interface_##name)(__VA_ARGS__);                    \
    result (*const  interface_##name)(__VA_ARGS__) = name

FUNCTION(c_guest_dispatch_function, hl_Vec *, const hl_FunctionCall *);
FUNCTION(hl_register_function_definition, void, const char *, hl_CGuestFunc,
         uintptr_t, const hl_ParameterType *, hl_ReturnType);
FUNCTION(hl_call_host_function, void, const hl_FunctionCall *);
FUNCTION(hl_set_error, void, hl_ErrorCode, const char *);
FUNCTION(hl_abort_with_code, void, int32_t);
FUNCTION(hl_abort_with_code_and_message, void, int32_t, const char *);

FUNCTION(hl_flatbuffer_result_from_Int, hl_Vec *, int32_t);
FUNCTION(hl_flatbuffer_result_from_UInt, hl_Vec *, uint32_t);
FUNCTION(hl_flatbuffer_result_from_Long, hl_Vec *, int64_t);
FUNCTION(hl_flatbuffer_result_from_ULong, hl_Vec *, uint64_t);
FUNCTION(hl_flatbuffer_result_from_Float, hl_Vec *, float);
FUNCTION(hl_flatbuffer_result_from_Double, hl_Vec *, double);
FUNCTION(hl_flatbuffer_result_from_Void, hl_Vec *, void);
FUNCTION(hl_flatbuffer_result_from_String, hl_Vec *, const char *);
FUNCTION(hl_flatbuffer_result_from_Bytes, hl_Vec *, const uint8_t *,
         uintptr_t);
FUNCTION(hl_flatbuffer_result_from_Bool, hl_Vec *, bool);

FUNCTION(hl_get_host_return_value_as_Int, int32_t, void);
FUNCTION(hl_get_host_return_value_as_UInt, uint32_t, void);
FUNCTION(hl_get_host_return_value_as_Long, int64_t, void);
FUNCTION(hl_get_host_return_value_as_ULong, uint64_t, void);
FUNCTION(hl_get_host_return_value_as_Bool, bool, void);
FUNCTION(hl_get_host_return_value_as_Float, float, void);
FUNCTION(hl_get_host_return_value_as_Double, double, void);
FUNCTION(hl_get_host_return_value_as_String, const char *, void);
FUNCTION(hl_get_host_return_value_as_VecBytes, hl_Vec *, void);

FUNCTION(hl_log, void, hl_Level, const char *, int32_t, const char *);
FUNCTION(malloc, void *, uintptr_t);
FUNCTION(calloc, void *, uintptr_t, uintptr_t);
FUNCTION(aligned_alloc, void *, uintptr_t, uintptr_t);
FUNCTION(free, void, void *);
FUNCTION(realloc, void *, void *, uintptr_t);
FUNCTION(entrypoint, void, uint64_t, uint64_t, uint64_t, uint64_t);

/* of 0.17 */
FUNCTION(hl_call_host_function_with_result, hl_ReturnValue *,
         const hl_FunctionCall *);
FUNCTION(hl_free_return_value, void, hl_ReturnValue *);
FUNCTION(hl_get_host_return_value_as_ByteChunks, hl_ByteChunks *, void);
FUNCTION(hl_result_from_StringBytes, hl_Vec *, const char *, uintptr_t);
FUNCTION(hl_result_from_Bytes, hl_Vec *, const uint8_t *, uintptr_t);
FUNCTION(hl_result_from_ByteChunks, hl_Vec *, hl_ByteChunks);


/* ---- macros ------------------------------------------------------------ */

#if !defined(LOG) || !defined(_alloca)
#error "LOG() and _alloca are macros"
#endif


static int32_t
sum(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f,
    int32_t g, int32_t h, int32_t i, int32_t j, int32_t k)
{
    return a + b + c + d + e + f + g + h + i + j + k;
}


HYPERLIGHT_WRAP_FUNCTION(sum, Int, 11, Int, Int, Int, Int, Int, Int, Int,
                         Int, Int, Int, Int)

/* What a wrapped function leaves is global: another file may register it. */
extern uintptr_t         _sum_parameter_count;
extern hl_ReturnType     _sum_return_type;
extern hl_ParameterType  _sum_parameter_types[];
extern hl_Vec           *_call_sum(const hl_FunctionCall *function_call);


static __attribute__((constructor)) void
registered(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("Sum", sum);
}
