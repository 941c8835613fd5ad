/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hyperlight_guest.h: the guest API, with the names of Hyperlight's C API.
 *
 * A guest defines hyperlight_main(), which runs once and registers functions;
 * the host then calls them.  What a call changes in memory is undone after
 * it.  There are no threads and no signals: nothing here is reentrant, and
 * nothing has to be.
 *
 * For functions that answer HTTP requests see hyperlight_http.h.
 */

#ifndef _HYPERLIGHT_GUEST_H_INCLUDED_
#define _HYPERLIGHT_GUEST_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "macro.h"


#ifdef __cplusplus
extern "C" {
#endif


/* Codes of errors and aborts.  The two odd spellings are Hyperlight's. */
typedef enum {
    hl_ErrorCode_NoError = 0,
    hl_ErrorCode_UnsupportedParameterType = 2,
    hl_ErrorCode_GuestFunctionNameNotProvided = 3,
    hl_ErrorCode_GuestFunctionNotFound = 4,
    hl_ErrorCode_GuestFunctionIncorrecNoOfParameters = 5,
    hl_ErrorCode_GispatchFunctionPointerNotSet = 6,
    hl_ErrorCode_OutbError = 7,
    hl_ErrorCode_UnknownError = 8,
    hl_ErrorCode_GsCheckFailed = 10,
    hl_ErrorCode_TooManyGuestFunctions = 11,
    hl_ErrorCode_FailureInDlmalloc = 12,
    hl_ErrorCode_MallocFailed = 13,
    hl_ErrorCode_GuestFunctionParameterTypeMismatch = 14,
    hl_ErrorCode_GuestError = 15,
    hl_ErrorCode_ArrayLengthParamIsMissing = 16,
    hl_ErrorCode_HostFunctionError = 17
} hl_ErrorCode;


enum hl_Level {
    hl_Level_Error = 1,
    hl_Level_Warn,
    hl_Level_Info,
    hl_Level_Debug,
    hl_Level_Trace
};

typedef uintptr_t  hl_Level;


typedef enum {
    hl_ParameterType_Int,
    hl_ParameterType_UInt,
    hl_ParameterType_Long,
    hl_ParameterType_ULong,
    hl_ParameterType_Float,
    hl_ParameterType_Double,
    hl_ParameterType_String,
    hl_ParameterType_Bool,
    hl_ParameterType_VecBytes
} hl_ParameterType;


/* From Void on the numbers differ from those of hl_ParameterType. */
typedef enum {
    hl_ReturnType_Int,
    hl_ReturnType_UInt,
    hl_ReturnType_Long,
    hl_ReturnType_ULong,
    hl_ReturnType_Float,
    hl_ReturnType_Double,
    hl_ReturnType_String,
    hl_ReturnType_Bool,
    hl_ReturnType_Void,
    hl_ReturnType_VecBytes
} hl_ReturnType;


/* "len" bytes at "data"; also the opaque, encoded result of a function. */
typedef struct {
    uint8_t    *data;
    uintptr_t   len;
} hl_Vec;


typedef union {
    int32_t    Int;
    uint32_t   UInt;
    int64_t    Long;
    uint64_t   ULong;
    float      Float;
    double     Double;
    bool       Bool;
    char      *String;                  /* UTF-8, NUL-terminated */
    hl_Vec     VecBytes;
} hl_ParameterValue;


typedef struct {
    hl_ParameterType    tag;
    hl_ParameterValue   value;
} hl_Parameter;


/*
 * A call, of a guest function or of a host function.  What a guest function
 * gets belongs to the library: it may be written to, and is freed when the
 * function has returned.
 */
typedef struct {
    const char          *function_name;
    const hl_Parameter  *parameters;
    uintptr_t            parameters_len;
    hl_ReturnType        return_type;
} hl_FunctionCall;


/*
 * A guest function.  Its result is one that a hl_flatbuffer_result_from_
 * function made; the library takes it over.  NULL is an error of the call.
 */
typedef hl_Vec *(*hl_CGuestFunc)(const hl_FunctionCall *function_call);


/* ---- what a guest defines ---------------------------------------------- */

/*
 * Runs once, before any call: registers functions, prepares what all calls
 * have in common.  Of the host only logging and printing are there.  The
 * library has an empty one.
 */
void hyperlight_main(void);

/*
 * Gets the calls of names that are not registered, with any parameters.
 * NULL: unknown here too; the host gets GuestFunctionNotFound.  The library
 * has one that returns NULL.
 */
hl_Vec *c_guest_dispatch_function(const hl_FunctionCall *function_call);


/* ---- functions --------------------------------------------------------- */

/*
 * Registers a typed function, or replaces the one of this name.  Name and
 * types are copied.  Calls with another number of parameters or other types
 * never reach it.  A name of more than 255 bytes, or more functions than
 * 1024, end the guest with TooManyGuestFunctions; host programs list only
 * what hyperlight_main() has registered.
 */
void hl_register_function_definition(const char *function_name,
    hl_CGuestFunc func_ptr, uintptr_t param_no,
    const hl_ParameterType *params_type, hl_ReturnType return_type);

/*
 * Results.  Strings and bytes are copied, the caller keeps its own; String
 * of NULL gives NULL, and so do bytes at NULL unless "len" is 0.
 */
hl_Vec *hl_flatbuffer_result_from_Int(int32_t value);
hl_Vec *hl_flatbuffer_result_from_UInt(uint32_t value);
hl_Vec *hl_flatbuffer_result_from_Long(int64_t value);
hl_Vec *hl_flatbuffer_result_from_ULong(uint64_t value);
hl_Vec *hl_flatbuffer_result_from_Float(float value);
hl_Vec *hl_flatbuffer_result_from_Double(double value);
hl_Vec *hl_flatbuffer_result_from_Void(void);
hl_Vec *hl_flatbuffer_result_from_String(const char *value);
hl_Vec *hl_flatbuffer_result_from_Bytes(const uint8_t *data, uintptr_t len);
hl_Vec *hl_flatbuffer_result_from_VecBytes(hl_Vec value);
hl_Vec *hl_flatbuffer_result_from_Bool(bool value);

/*
 * Lets the call that runs end with this error, whatever the function goes
 * on to return.  The message is copied, and the last one counts.
 */
void hl_set_error(hl_ErrorCode err, const char *message);


/* ---- aborting ---------------------------------------------------------- */

/*
 * Ends the call at once, and this guest's life with it: the host puts a
 * fresh one in its place.  Of the code the low 8 bits count.  Buffered
 * output of stdio is lost.
 */
void hl_abort_with_code(int32_t err) __attribute__((noreturn));
void hl_abort_with_code_and_message(int32_t err, const char *message)
    __attribute__((noreturn));


/* ---- log --------------------------------------------------------------- */

#define LOG(level, message)  hl_log(level, message, __LINE__, __FILE__)

/*
 * Writes to the host's log.  What is less severe than the host wants is
 * dropped here, and so is a level that does not exist.
 */
void hl_log(hl_Level level, const char *message, int32_t line,
    const char *file);


/* ---- host functions ---------------------------------------------------- */

/*
 * Calls a host function and waits for its answer, which the getter of the
 * call's return type hands out, once.  Everything is copied.  Parameters
 * that do not fit into the output area end the guest with OutbError.
 */
void hl_call_host_function(const hl_FunctionCall *function_call);

/*
 * The answer of the last host call.  If the host function failed, answered
 * with another type or was not called, the guest ends with UnknownError and
 * a message that says so.  String and VecBytes are the caller's: free() the
 * string; the bytes are in one piece with their hl_Vec, which is to be freed.
 */
int32_t hl_get_host_return_value_as_Int(void);
uint32_t hl_get_host_return_value_as_UInt(void);
int64_t hl_get_host_return_value_as_Long(void);
uint64_t hl_get_host_return_value_as_ULong(void);
bool hl_get_host_return_value_as_Bool(void);
float hl_get_host_return_value_as_Float(void);
double hl_get_host_return_value_as_Double(void);
const char *hl_get_host_return_value_as_String(void);
hl_Vec *hl_get_host_return_value_as_VecBytes(void);


#ifdef __cplusplus
}
#endif


#endif /* _HYPERLIGHT_GUEST_H_INCLUDED_ */
