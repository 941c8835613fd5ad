/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * main.c: simpleguest, the functions that hosts written for Hyperlight expect
 * of a test guest of that name.  It uses Hyperlight's C API and nothing else.
 *
 * SetStatic and LargeVar need room: 1 MiB of data, 256 KiB of stack.
 */

#include <alloca.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyperlight_guest.h>


#define STATIC_SIZE  (1024 * 1024)
#define LARGE_SIZE   0x40001
#define SMALL_SIZE   1024
#define FRAME_SIZE   (16 * 1024)
#define OVERRUN      17
#define GREETING     256
#define BYTES_IN     (24 * 1024)
#define BYTES_OUT    (8 * 1024)

#define HLT          0xf4               /* the instruction */


static uint8_t  large_static[STATIC_SIZE];


/* ---- values from the host ---------------------------------------------- */

static void
call_host(const char *name, const hl_Parameter *params, size_t n,
    hl_ReturnType result)
{
    hl_FunctionCall  call = {
        .function_name = name,
        .parameters = params,
        .parameters_len = n,
        .return_type = result
    };

    hl_call_host_function(&call);
}


static float
guest_retrieves_float(float a, float b)
{
    hl_Parameter  params[] = {
        { .tag = hl_ParameterType_Float, .value.Float = a },
        { .tag = hl_ParameterType_Float, .value.Float = b }
    };

    call_host("HostAddFloat", params, 2, hl_ReturnType_Float);

    return hl_get_host_return_value_as_Float();
}


static double
guest_retrieves_double(double a, double b)
{
    hl_Parameter  params[] = {
        { .tag = hl_ParameterType_Double, .value.Double = a },
        { .tag = hl_ParameterType_Double, .value.Double = b }
    };

    call_host("HostAddDouble", params, 2, hl_ReturnType_Double);

    return hl_get_host_return_value_as_Double();
}


static const char *
guest_retrieves_string(void)
{
    static char   text[] = "Guest Function";
    hl_Parameter  param = {
        .tag = hl_ParameterType_String, .value.String = text
    };

    call_host("HostAddStrings", &param, 1, hl_ReturnType_String);

    return hl_get_host_return_value_as_String();
}


static bool
guest_retrieves_bool(int32_t a, int32_t b)
{
    hl_Parameter  params[] = {
        { .tag = hl_ParameterType_Int, .value.Int = a },
        { .tag = hl_ParameterType_Int, .value.Int = b }
    };

    call_host("HostBool", params, 2, hl_ReturnType_Bool);

    return hl_get_host_return_value_as_Bool();
}


static int32_t
guest_method(char *message)
{
    char          text[GREETING] = "Hello from GuestFunction1, ";
    hl_Parameter  param = {
        .tag = hl_ParameterType_String, .value.String = text
    };

    strncat(text, message, sizeof(text) - strlen(text) - 1);
    call_host("HostMethod1", &param, 1, hl_ReturnType_Int);
    (void) hl_get_host_return_value_as_Int();

    return 0;
}


/* ---- values back to the host ------------------------------------------- */

static char *
echo(char *s)
{
    return s;
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


static hl_Vec *
set_byte_array_to_zero(const hl_FunctionCall *call)
{
    hl_Vec  bytes;

    bytes = call->parameters[0].value.VecBytes;
    memset(bytes.data, 0, bytes.len);

    return hl_flatbuffer_result_from_Bytes(bytes.data, bytes.len);
}


static hl_Vec *
get_size_prefixed_buffer(const hl_FunctionCall *call)
{
    hl_Vec  bytes;

    bytes = call->parameters[0].value.VecBytes;

    return hl_flatbuffer_result_from_Bytes(bytes.data, bytes.len);
}


static hl_Vec *
bytes_in_and_out(const hl_FunctionCall *call)
{
    hl_Vec  bytes;

    bytes = call->parameters[0].value.VecBytes;
    assert(bytes.len == BYTES_IN);

    return hl_flatbuffer_result_from_Bytes(bytes.data, BYTES_OUT);
}


static int32_t
next_random(void)
{
    return rand();
}


static int64_t
next_random_long(void)
{
    return random();
}


/* ---- output: each function is one HostPrint, if it is short enough ------ */

static int32_t
flushed(int n)
{
    fflush(stdout);

    return n;
}


#define print(...)  flushed(printf("Message: " __VA_ARGS__))

#define yes_no(b)  ((b) ? "true" : "false")


static int32_t
print_output(char *text)
{
    return flushed(printf("%s", text));
}


static int32_t
print_two(char *a1, int32_t a2)
{
    return print("arg1:%s arg2:%d.", a1, a2);
}


static int32_t
print_three(char *a1, int32_t a2, int64_t a3)
{
    return print("arg1:%s arg2:%d arg3:%ld.", a1, a2, a3);
}


static int32_t
print_four(char *a1, int32_t a2, int64_t a3, char *a4)
{
    return print("arg1:%s arg2:%d arg3:%ld arg4:%s.", a1, a2, a3, a4);
}


static int32_t
print_five(char *a1, int32_t a2, int64_t a3, char *a4, char *a5)
{
    return print("arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s.", a1, a2, a3, a4,
                 a5);
}


static int32_t
print_six(char *a1, int32_t a2, int64_t a3, char *a4, char *a5, bool a6)
{
    return print("arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s.", a1, a2,
                 a3, a4, a5, yes_no(a6));
}


static int32_t
print_seven(char *a1, int32_t a2, int64_t a3, char *a4, char *a5, bool a6,
    bool a7)
{
    return print("arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s.",
                 a1, a2, a3, a4, a5, yes_no(a6), yes_no(a7));
}


static int32_t
print_eight(char *a1, int32_t a2, int64_t a3, char *a4, char *a5, bool a6,
    bool a7, uint32_t a8)
{
    return print("arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s "
                 "arg8:%d.", a1, a2, a3, a4, a5, yes_no(a6), yes_no(a7), a8);
}


static int32_t
print_nine(char *a1, int32_t a2, int64_t a3, char *a4, char *a5, bool a6,
    bool a7, uint32_t a8, uint64_t a9)
{
    return print("arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s "
                 "arg8:%d arg9:%lu.", a1, a2, a3, a4, a5, yes_no(a6),
                 yes_no(a7), a8, a9);
}


static int32_t
print_ten(char *a1, int32_t a2, int64_t a3, char *a4, char *a5, bool a6,
    bool a7, uint32_t a8, uint64_t a9, int32_t a10)
{
    return print("arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s "
                 "arg8:%d arg9:%lu arg10:%d.", a1, a2, a3, a4, a5, yes_no(a6),
                 yes_no(a7), a8, a9, a10);
}


static int32_t
print_eleven(char *a1, int32_t a2, int64_t a3, char *a4, char *a5, bool a6,
    bool a7, uint32_t a8, uint64_t a9, int32_t a10, float a11)
{
    return print("arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s "
                 "arg8:%d arg9:%lu arg10:%d arg11:%.3f.", a1, a2, a3, a4, a5,
                 yes_no(a6), yes_no(a7), a8, a9, a10, (double) a11);
}


static int32_t
log_message(char *message, int64_t level)
{
    LOG((hl_Level) level, message);

    return -1;
}


/* ---- memory ------------------------------------------------------------ */

static int32_t
stack_allocate(int32_t n)
{
    volatile uint8_t  *p;

    p = alloca((size_t) n);
    p[0] = 0;

    return n;
}


/* The frame is used after the call: it cannot be a loop. */

static int32_t
stack_overflow(int32_t n)
{
    int32_t           deeper;
    volatile uint8_t  frame[FRAME_SIZE];

    frame[0] = (uint8_t) n;
    deeper = n > 0 ? stack_overflow(n - 1) + 1 : 0;
    frame[FRAME_SIZE - 1] = frame[0];

    return deeper;
}


/* Through volatile: the compiler would refuse what this does. */

static int32_t
buffer_overrun(char *text)
{
    char             buffer[OVERRUN];
    volatile size_t  len;

    len = strlen(text);
    strncpy(buffer, text, len);
    __asm__ volatile ("" : : "r" (buffer) : "memory");

    return OVERRUN - (int32_t) len;
}


static int32_t
large_var(void)
{
    volatile uint8_t  buffer[LARGE_SIZE] = { 0 };

    return (int32_t) sizeof(buffer) - 1 + buffer[0];
}


static int32_t
small_var(void)
{
    volatile uint8_t  buffer[SMALL_SIZE] = { 0 };

    return (int32_t) sizeof(buffer) + buffer[0];
}


static int32_t
call_malloc(int32_t n)
{
    void *volatile  p;

    p = malloc((size_t) n);

    if (p == NULL) {
        hl_set_error(hl_ErrorCode_GuestError, "Malloc Failed");
    }

    return n;
}


static int32_t
malloc_and_free(int32_t n)
{
    void *volatile  p;

    p = malloc((size_t) n);

    if (p == NULL) {
        hl_set_error(hl_ErrorCode_GuestError, "Malloc Failed");
    }

    free(p);

    return n;
}


static int32_t
set_static(void)
{
    size_t             i;
    volatile uint8_t  *p;

    p = large_static;

    for (i = 0; i < sizeof(large_static); i++) {
        p[i] = 1;
    }

    return (int32_t) sizeof(large_static);
}


/* ---- endings ----------------------------------------------------------- */

static int32_t
abort_with_code(int32_t code)
{
    hl_abort_with_code(code);
}


static int32_t
abort_with_message(int32_t code, char *message)
{
    hl_abort_with_code_and_message(code, message);
}


static int32_t
execute_on_stack(void)
{
    volatile uint8_t  code[] = { HLT };

    ((void (*)(void)) (uintptr_t) code)();

    return 0;
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


HYPERLIGHT_WRAP_FUNCTION(guest_retrieves_float, Float, 2, Float, Float)
HYPERLIGHT_WRAP_FUNCTION(guest_retrieves_double, Double, 2, Double, Double)
HYPERLIGHT_WRAP_FUNCTION(guest_retrieves_string, String, 0)
HYPERLIGHT_WRAP_FUNCTION(guest_retrieves_bool, Bool, 2, Int, Int)
HYPERLIGHT_WRAP_FUNCTION(guest_method, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(echo, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(echo_float, Float, 1, Float)
HYPERLIGHT_WRAP_FUNCTION(echo_double, Double, 1, Double)
HYPERLIGHT_WRAP_FUNCTION(next_random, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(next_random_long, Long, 0)
HYPERLIGHT_WRAP_FUNCTION(print_output, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(print_two, Int, 2, String, Int)
HYPERLIGHT_WRAP_FUNCTION(print_three, Int, 3, String, Int, Long)
HYPERLIGHT_WRAP_FUNCTION(print_four, Int, 4, String, Int, Long, String)
HYPERLIGHT_WRAP_FUNCTION(print_five, Int, 5, String, Int, Long, String,
                         String)
HYPERLIGHT_WRAP_FUNCTION(print_six, Int, 6, String, Int, Long, String,
                         String, Bool)
HYPERLIGHT_WRAP_FUNCTION(print_seven, Int, 7, String, Int, Long, String,
                         String, Bool, Bool)
HYPERLIGHT_WRAP_FUNCTION(print_eight, Int, 8, String, Int, Long, String,
                         String, Bool, Bool, UInt)
HYPERLIGHT_WRAP_FUNCTION(print_nine, Int, 9, String, Int, Long, String,
                         String, Bool, Bool, UInt, ULong)
HYPERLIGHT_WRAP_FUNCTION(print_ten, Int, 10, String, Int, Long, String,
                         String, Bool, Bool, UInt, ULong, Int)
HYPERLIGHT_WRAP_FUNCTION(print_eleven, Int, 11, String, Int, Long, String,
                         String, Bool, Bool, UInt, ULong, Int, Float)
HYPERLIGHT_WRAP_FUNCTION(log_message, Int, 2, String, Long)
HYPERLIGHT_WRAP_FUNCTION(stack_allocate, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(stack_overflow, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(buffer_overrun, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(large_var, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(small_var, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(call_malloc, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(malloc_and_free, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(set_static, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(abort_with_code, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(abort_with_message, Int, 2, Int, String)
HYPERLIGHT_WRAP_FUNCTION(execute_on_stack, Int, 0)


void
hyperlight_main(void)
{
    static const hl_ParameterType  bytes[] = { hl_ParameterType_VecBytes };

    HYPERLIGHT_REGISTER_FUNCTION("GuestRetrievesFloatValue",
                                 guest_retrieves_float);
    HYPERLIGHT_REGISTER_FUNCTION("GuestRetrievesDoubleValue",
                                 guest_retrieves_double);
    HYPERLIGHT_REGISTER_FUNCTION("GuestRetrievesStringValue",
                                 guest_retrieves_string);
    HYPERLIGHT_REGISTER_FUNCTION("GuestRetrievesBoolValue",
                                 guest_retrieves_bool);
    HYPERLIGHT_REGISTER_FUNCTION("GuestMethod1", guest_method);
    HYPERLIGHT_REGISTER_FUNCTION("Echo", echo);
    HYPERLIGHT_REGISTER_FUNCTION("EchoFloat", echo_float);
    HYPERLIGHT_REGISTER_FUNCTION("EchoDouble", echo_double);
    HYPERLIGHT_REGISTER_FUNCTION("NextRandom", next_random);
    HYPERLIGHT_REGISTER_FUNCTION("NextRandomLong", next_random_long);
    HYPERLIGHT_REGISTER_FUNCTION("PrintOutput", print_output);
    HYPERLIGHT_REGISTER_FUNCTION("PrintTwoArgs", print_two);
    HYPERLIGHT_REGISTER_FUNCTION("PrintThreeArgs", print_three);
    HYPERLIGHT_REGISTER_FUNCTION("PrintFourArgs", print_four);
    HYPERLIGHT_REGISTER_FUNCTION("PrintFiveArgs", print_five);
    HYPERLIGHT_REGISTER_FUNCTION("PrintSixArgs", print_six);
    HYPERLIGHT_REGISTER_FUNCTION("PrintSevenArgs", print_seven);
    HYPERLIGHT_REGISTER_FUNCTION("PrintEightArgs", print_eight);
    HYPERLIGHT_REGISTER_FUNCTION("PrintNineArgs", print_nine);
    HYPERLIGHT_REGISTER_FUNCTION("PrintTenArgs", print_ten);
    HYPERLIGHT_REGISTER_FUNCTION("PrintElevenArgs", print_eleven);
    HYPERLIGHT_REGISTER_FUNCTION("LogMessage", log_message);
    HYPERLIGHT_REGISTER_FUNCTION("StackAllocate", stack_allocate);
    HYPERLIGHT_REGISTER_FUNCTION("StackOverflow", stack_overflow);
    HYPERLIGHT_REGISTER_FUNCTION("BufferOverrun", buffer_overrun);
    HYPERLIGHT_REGISTER_FUNCTION("LargeVar", large_var);
    HYPERLIGHT_REGISTER_FUNCTION("SmallVar", small_var);
    HYPERLIGHT_REGISTER_FUNCTION("CallMalloc", call_malloc);
    HYPERLIGHT_REGISTER_FUNCTION("MallocAndFree", malloc_and_free);
    HYPERLIGHT_REGISTER_FUNCTION("SetStatic", set_static);
    HYPERLIGHT_REGISTER_FUNCTION("GuestAbortWithCode", abort_with_code);
    HYPERLIGHT_REGISTER_FUNCTION("GuestAbortWithMessage", abort_with_message);
    HYPERLIGHT_REGISTER_FUNCTION("ExecuteOnStack", execute_on_stack);

    hl_register_function_definition("SetByteArrayToZero",
                                    set_byte_array_to_zero, 1, bytes,
                                    hl_ReturnType_VecBytes);
    hl_register_function_definition("GetSizePrefixedBuffer",
                                    get_size_prefixed_buffer, 1, bytes,
                                    hl_ReturnType_VecBytes);
    hl_register_function_definition("24K_in_8K_out", bytes_in_and_out, 1,
                                    bytes, hl_ReturnType_VecBytes);
}
