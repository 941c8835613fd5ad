/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * macro.h: from a plain C function to a guest function.
 *
 *     static int32_t
 *     add(int32_t a, int32_t b)
 *     {
 *         return a + b;
 *     }
 *
 *     HYPERLIGHT_WRAP_FUNCTION(add, Int, 2, Int, Int)
 *
 * and, in hyperlight_main(), HYPERLIGHT_REGISTER_FUNCTION("Add", add).  Types
 * are the names of the members of hl_ParameterValue; a result can be Void as
 * well.  A result of String or VecBytes is copied and stays the function's.
 */

#ifndef _HYPERLIGHT_MACRO_H_INCLUDED_
#define _HYPERLIGHT_MACRO_H_INCLUDED_


#include "hyperlight_guest.h"


/*
 * Defines _call_<function>() and three objects that describe it, all of them
 * global, as Hyperlight does.  "paramsc" is a literal number, 0 to 11.
 */
#define HYPERLIGHT_WRAP_FUNCTION(function, return_type, paramsc, ...)         \
    hl_Result *_call_##function(const hl_FunctionCall *function_call);        \
                                                                              \
    uintptr_t         _##function##_parameter_count = paramsc;                \
    hl_ReturnType     _##function##_return_type = hl_ReturnType_##return_type;\
    hl_ParameterType  _##function##_parameter_types[] = {                     \
        HL_WRAP_TYPES_##paramsc(__VA_ARGS__)                                  \
    };                                                                        \
                                                                              \
    hl_Result *                                                               \
    _call_##function(const hl_FunctionCall *function_call)                    \
    {                                                                         \
        (void) function_call;                                                 \
                                                                              \
        return HL_WRAP_RESULT_##return_type(                                  \
            function(HL_WRAP_ARGS_##paramsc(__VA_ARGS__)));                   \
    }


#define HYPERLIGHT_REGISTER_FUNCTION(name, function)                          \
    hl_register_function_definition(name, _call_##function,                   \
                                    _##function##_parameter_count,            \
                                    _##function##_parameter_types,            \
                                    _##function##_return_type)


/* The parts of the above; not for use elsewhere. */

#ifdef HYPERLIGHT_RETURN_VALUES
#define HL_WRAP_FROM(t)            hl_result_from_##t
#else
#define HL_WRAP_FROM(t)            hl_flatbuffer_result_from_##t
#endif

#define HL_WRAP_RESULT_Int(f)      HL_WRAP_FROM(Int)(f)
#define HL_WRAP_RESULT_UInt(f)     HL_WRAP_FROM(UInt)(f)
#define HL_WRAP_RESULT_Long(f)     HL_WRAP_FROM(Long)(f)
#define HL_WRAP_RESULT_ULong(f)    HL_WRAP_FROM(ULong)(f)
#define HL_WRAP_RESULT_Float(f)    HL_WRAP_FROM(Float)(f)
#define HL_WRAP_RESULT_Double(f)   HL_WRAP_FROM(Double)(f)
#define HL_WRAP_RESULT_String(f)   HL_WRAP_FROM(String)(f)
#define HL_WRAP_RESULT_Bool(f)     HL_WRAP_FROM(Bool)(f)
#define HL_WRAP_RESULT_VecBytes(f) HL_WRAP_FROM(VecBytes)(f)
#define HL_WRAP_RESULT_Void(f)     ((f), HL_WRAP_FROM(Void)())

#define HL_WRAP_TYPE(t)            hl_ParameterType_##t
#define HL_WRAP_ARG(i, t)          function_call->parameters[i].value.t

/* No array is empty in C. */
#define HL_WRAP_TYPES_0(...)   (hl_ParameterType) 0
#define HL_WRAP_ARGS_0(...)

#define HL_WRAP_TYPES_1(a)  HL_WRAP_TYPE(a)
#define HL_WRAP_ARGS_1(a)   HL_WRAP_ARG(0, a)

#define HL_WRAP_TYPES_2(a, b)                                                 \
    HL_WRAP_TYPES_1(a), HL_WRAP_TYPE(b)
#define HL_WRAP_ARGS_2(a, b)                                                  \
    HL_WRAP_ARGS_1(a), HL_WRAP_ARG(1, b)

#define HL_WRAP_TYPES_3(a, b, c)                                              \
    HL_WRAP_TYPES_2(a, b), HL_WRAP_TYPE(c)
#define HL_WRAP_ARGS_3(a, b, c)                                               \
    HL_WRAP_ARGS_2(a, b), HL_WRAP_ARG(2, c)

#define HL_WRAP_TYPES_4(a, b, c, d)                                           \
    HL_WRAP_TYPES_3(a, b, c), HL_WRAP_TYPE(d)
#define HL_WRAP_ARGS_4(a, b, c, d)                                            \
    HL_WRAP_ARGS_3(a, b, c), HL_WRAP_ARG(3, d)

#define HL_WRAP_TYPES_5(a, b, c, d, e)                                        \
    HL_WRAP_TYPES_4(a, b, c, d), HL_WRAP_TYPE(e)
#define HL_WRAP_ARGS_5(a, b, c, d, e)                                         \
    HL_WRAP_ARGS_4(a, b, c, d), HL_WRAP_ARG(4, e)

#define HL_WRAP_TYPES_6(a, b, c, d, e, f)                                     \
    HL_WRAP_TYPES_5(a, b, c, d, e), HL_WRAP_TYPE(f)
#define HL_WRAP_ARGS_6(a, b, c, d, e, f)                                      \
    HL_WRAP_ARGS_5(a, b, c, d, e), HL_WRAP_ARG(5, f)

#define HL_WRAP_TYPES_7(a, b, c, d, e, f, g)                                  \
    HL_WRAP_TYPES_6(a, b, c, d, e, f), HL_WRAP_TYPE(g)
#define HL_WRAP_ARGS_7(a, b, c, d, e, f, g)                                   \
    HL_WRAP_ARGS_6(a, b, c, d, e, f), HL_WRAP_ARG(6, g)

#define HL_WRAP_TYPES_8(a, b, c, d, e, f, g, h)                               \
    HL_WRAP_TYPES_7(a, b, c, d, e, f, g), HL_WRAP_TYPE(h)
#define HL_WRAP_ARGS_8(a, b, c, d, e, f, g, h)                                \
    HL_WRAP_ARGS_7(a, b, c, d, e, f, g), HL_WRAP_ARG(7, h)

#define HL_WRAP_TYPES_9(a, b, c, d, e, f, g, h, i)                            \
    HL_WRAP_TYPES_8(a, b, c, d, e, f, g, h), HL_WRAP_TYPE(i)
#define HL_WRAP_ARGS_9(a, b, c, d, e, f, g, h, i)                             \
    HL_WRAP_ARGS_8(a, b, c, d, e, f, g, h), HL_WRAP_ARG(8, i)

#define HL_WRAP_TYPES_10(a, b, c, d, e, f, g, h, i, j)                        \
    HL_WRAP_TYPES_9(a, b, c, d, e, f, g, h, i), HL_WRAP_TYPE(j)
#define HL_WRAP_ARGS_10(a, b, c, d, e, f, g, h, i, j)                         \
    HL_WRAP_ARGS_9(a, b, c, d, e, f, g, h, i), HL_WRAP_ARG(9, j)

#define HL_WRAP_TYPES_11(a, b, c, d, e, f, g, h, i, j, k)                     \
    HL_WRAP_TYPES_10(a, b, c, d, e, f, g, h, i, j), HL_WRAP_TYPE(k)
#define HL_WRAP_ARGS_11(a, b, c, d, e, f, g, h, i, j, k)                      \
    HL_WRAP_ARGS_10(a, b, c, d, e, f, g, h, i, j), HL_WRAP_ARG(10, k)


#endif /* _HYPERLIGHT_MACRO_H_INCLUDED_ */
