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
 * For functions that answer HTTP requests see hyperlight_http.h, for handlers
 * of CPU exceptions hyperlight_exception.h.
 *
 * malloc() and its kin are libc's, with two differences, both Hyperlight's:
 * of size 0 they give NULL, and without memory they call hl_malloc_failed().
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


/* Of a line of the log.  In C++ an enum and a typedef cannot have one name. */
#ifdef __cplusplus
enum {
#else
enum hl_Level {
#endif
    hl_Level_Error = 1,
    hl_Level_Warn,
    hl_Level_Info,
    hl_Level_Debug,
    hl_Level_Trace
};

typedef uintptr_t  hl_Level;


/* The members of hl_ParameterValue. */
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


/* A hl_ParameterType says which member counts. */
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
 * A result that can be looked into, of a function or of a host function.
 * Made by the library alone; of String and VecBytes, what "value" points to
 * belongs to it.
 */
typedef struct {
    hl_ReturnType   tag;

    union {
        int32_t     Int;
        uint32_t    UInt;
        int64_t     Long;
        uint64_t    ULong;
        float       Float;
        double      Double;
        bool        Bool;
        char       *String;
        hl_Vec      VecBytes;
    } value;
} hl_ReturnValue;


/* Bytes in pieces; to the host they are one VecBytes. */
typedef struct {
    const uint8_t       *data;
    uintptr_t            len;
} hl_ByteChunk;

typedef struct {
    const hl_ByteChunk  *chunks;
    uintptr_t            count;
} hl_ByteChunks;


/*
 * What guest functions return: a hl_Vec, or a hl_ReturnValue in a guest that
 * defines HYPERLIGHT_RETURN_VALUES, as Hyperlight has it from its 0.17 on.
 */
#ifdef HYPERLIGHT_RETURN_VALUES
typedef hl_ReturnValue  hl_Result;
#else
typedef hl_Vec  hl_Result;
#endif


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
 * A guest function.  Its result is one that a hl_flatbuffer_result_from_ or
 * hl_result_from_ function made; the library takes it over.  NULL is an
 * error of the call: the one of hl_set_error(), else that of the last
 * hl_call_host_function_with_result(), else that NULL was returned.
 */
typedef hl_Result *(*hl_CGuestFunc)(const hl_FunctionCall *function_call);


/* ---- what a guest defines ---------------------------------------------- */

/*
 * Runs once, before any call: registers functions, prepares what all calls
 * have in common.  It can log, print, declare metrics, and ask nothing else
 * of the host.  The library has an empty one.
 */
void hyperlight_main(void);

/*
 * Gets the calls of names that are not registered, with any parameters.
 * NULL: unknown here too; the host gets GuestFunctionNotFound.  The library
 * has one that returns NULL.
 */
hl_Result *c_guest_dispatch_function(const hl_FunctionCall *function_call);

/*
 * Is called when malloc(), calloc(), realloc() or aligned_alloc() have no
 * memory.  The library's aborts with MallocFailed; after one that returns,
 * they give NULL, errno is ENOMEM, and memory is as it was.  Memory that the
 * library itself, or C++'s operator new, cannot do without aborts anyway.
 */
void hl_malloc_failed(void);


/* ---- functions --------------------------------------------------------- */

/*
 * Registers a typed function, or replaces the one of this name.  Name and
 * types are copied.  Calls with another number of parameters or other types
 * never reach it; more than 11 parameters can be registered, and are an
 * error of each call.  A name of more than 255 bytes, or more functions than
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
 * The same, of which a guest can look into those that are hl_ReturnValues,
 * see hl_Result.  Bytes of a String with a NUL inside give NULL.
 */
hl_Result *hl_result_from_Int(int32_t value);
hl_Result *hl_result_from_UInt(uint32_t value);
hl_Result *hl_result_from_Long(int64_t value);
hl_Result *hl_result_from_ULong(uint64_t value);
hl_Result *hl_result_from_Float(float value);
hl_Result *hl_result_from_Double(double value);
hl_Result *hl_result_from_Void(void);
hl_Result *hl_result_from_String(const char *value);
hl_Result *hl_result_from_StringBytes(const char *data, uintptr_t len);
hl_Result *hl_result_from_Bytes(const uint8_t *data, uintptr_t len);
hl_Result *hl_result_from_VecBytes(hl_Vec value);
hl_Result *hl_result_from_ByteChunks(hl_ByteChunks value);
hl_Result *hl_result_from_Bool(bool value);

/* Frees one that is not returned, and what its value points to. */
void hl_free_return_value(hl_ReturnValue *value);

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
 * that do not fit into the output area end the guest with OutbError, and so
 * does a call that no host function can have: with over 11 parameters, a name
 * of none or over 255 bytes, a type that does not exist.
 */
void hl_call_host_function(const hl_FunctionCall *function_call);

/*
 * The same for a guest that can go on without an answer: NULL if the host
 * function failed or could not be called; hl_host_error() tells why, until
 * the host is asked for something else.  The answer is the caller's, see
 * hl_free_return_value().
 */
hl_ReturnValue *hl_call_host_function_with_result(
    const hl_FunctionCall *function_call);
const char *hl_host_error(void);

/*
 * The answer of the last hl_call_host_function().  If the host function
 * failed, answered with another type or was not called, the guest ends with
 * UnknownError and a message that says so.  String and VecBytes are the
 * caller's: free() the string; the bytes are in one piece with their hl_Vec,
 * which is to be freed.
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

/* VecBytes as chunks, for hl_free_byte_chunks(). */
hl_ByteChunks *hl_get_host_return_value_as_ByteChunks(void);
void hl_free_byte_chunks(hl_ByteChunks *value);


/* ---- what the host provides -------------------------------------------- */

/*
 * The host's init_data, the same in each call; data is NULL and len 0 if it
 * gives none.  To write there is a fault, unless the host allows it.
 */
hl_Vec hl_user_data(void);

/* The host's counter as it stands; 0 if it has none. */
uint64_t hl_guest_counter(void);

/*
 * Sleeps outside of the guest: costs no CPU time, and other guests of the
 * host run meanwhile; the call's limit on wall time goes on.  Returns 0; or
 * -1, errno ENOSYS, if the host does not offer it or does not allow it, and
 * during initialisation; hl_host_error() tells it in words.
 */
int hl_sleep(uint32_t milliseconds);


/*
 * Adds to a counter, or a value to a histogram, of the guest's own, which the
 * host shows beside those that it has itself.  Made at the first use;
 * hyperlight_main() declares them, so that they are there from the beginning,
 * and adds nothing there.  A histogram is for whole numbers of any unit:
 * name it (parse_microseconds).  Costs no exit; of a call that fails it
 * counts only what had gone out before.
 *
 * A name is 1 to 64 characters of a-z, 0-9 and _, and does not end in _total,
 * _count, _sum or _bucket; the host takes 32 names of a guest, and 1000
 * additions of a call, and drops the rest.  Returns 0; or -1, errno EINVAL:
 * no name, EPERM: the host does not allow it; hl_host_error() tells it in
 * words.
 */
int hl_metric_add(const char *name, uint64_t value);
int hl_metric_observe(const char *name, uint64_t value);


/* ---- of no use here, for the sake of guests that name them ------------- */

/* Where the host enters a guest that was linked with --entry entrypoint. */
void entrypoint(uint64_t peb_address, uint64_t seed, uint64_t ops,
    uint64_t max_log_level);

/* Memory of the caller's stack. */
#define _alloca  _alloca_wrapper
#define _alloca_wrapper(size)  __builtin_alloca(size)


/* ---- malloc ------------------------------------------------------------ */

/* As in stdlib.h, where older standards of C leave one out. */
#ifndef __cplusplus
void *malloc(size_t size);
void *calloc(size_t nmemb, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void *realloc(void *ptr, size_t size);
void free(void *ptr);
#endif


#ifdef __cplusplus
}
#endif


#endif /* _HYPERLIGHT_GUEST_H_INCLUDED_ */
