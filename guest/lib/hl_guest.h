/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_guest.h: what the files of the guest library share.
 *
 * A guest is single-threaded and trusts its host: what comes in through the
 * parameters page and the input and reply areas is used as it is.
 *
 * Memory for the library comes from hl_alloc(), which never returns NULL; a
 * guest may have made malloc() return it.
 */

#ifndef _HL_GUEST_H_INCLUDED_
#define _HL_GUEST_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hl_abi.h"
#include "hyperlight_guest.h"


#define hl_noreturn    __attribute__((noreturn))
#define hl_printf_like(fmt, args)                                             \
    __attribute__((format(printf, fmt, args)))

/* For code that runs while the stack protector's guard gets its value. */
#define hl_no_guard    __attribute__((no_stack_protector))

/* An address from the parameters page as a pointer. */
#define hl_ptr(type, address)  ((type *) (uintptr_t) (address))


typedef struct hl_entry_s  hl_entry_t;

/* Runs a function; the result is NULL of an HTTP handler. */
typedef hl_Result *(*hl_invoke_pt)(const hl_entry_t *entry,
    const hl_abi_input_t *input);

typedef void (*hl_any_function_pt)(void);

/* One registered function. */
struct hl_entry_s {
    const char          *name;
    hl_invoke_pt         invoke;
    hl_any_function_pt   function;      /* for invoke() to cast back */
    hl_function_kind_t   kind;
    hl_ReturnType        result;
    size_t               param_count;   /* may be over HL_ABI_PARAMS_MAX */
    hl_ParameterType     params[HL_ABI_PARAMS_MAX];
};


/*
 * The library's mutable state, in one place since each page that a call
 * writes to costs time.
 */
typedef struct {
    const hl_abi_params_t  *params;
    hl_abi_record_t        *last;       /* in the output area, or NULL */
    char                   *brk;        /* NULL before the first sbrk() */

    hl_entry_t             *entries;    /* malloc'ed */
    size_t                  entry_count;
    size_t                  entry_room;

    char                   *error;      /* malloc'ed; NULL: no error */
    char                   *host_error; /* malloc'ed: hl_host_error() */
    hl_ErrorCode            error_code;
    bool                    reply_ready;

    uint64_t                subrequests;
    bool                    random_ready;
    uint32_t                random_key[HL_ABI_ENTROPY / 4];
} hl_guest_t;

extern hl_guest_t  hl_guest;

extern uintptr_t  __stack_chk_guard;


/* start.c, dispatch.c: where the host enters.  Neither returns. */
hl_noreturn void _start(const hl_abi_params_t *params);
hl_noreturn void hl_dispatch(const hl_abi_params_t *params);

/* What both do first, and last. */
void hl_enter(const hl_abi_params_t *params);
hl_noreturn void hl_park(void);

/* call.c: the call in the input area, up to its result or error. */
void hl_call(void);

/* typed.c: a call of a name that is not registered. */
hl_Result *hl_typed_fallback(const hl_abi_input_t *input, const char *name);

/* result_record.c: HL_REC_RESULT, if there is no error; frees the result. */
void hl_result_take(hl_Result *result, const char *name);


/* entry.c: the function table. */

/* Adds or replaces one; a copy of everything is made. */
void hl_entry_add(const hl_entry_t *entry);

/* "index" is where the host believes it to be. */
const hl_entry_t *hl_entry_find(uint32_t index, const char *name);

/* Writes the records of the function table. */
void hl_entry_publish(void);


/* record.c: the output area. */

/*
 * Appends a record and returns the room for its "size" bytes; what was
 * there before may have been handed to the host.  NULL: too large for an
 * empty area.
 */
void *hl_record_add(hl_abi_record_type_t type, size_t size);

/* Appends bytes of a stream (body, print), in as many records as it takes. */
void hl_record_stream(hl_abi_record_type_t type, const void *data,
    size_t len);

/* HL_REC_ERROR or HL_REC_ABORT; the text is cut if need be. */
void hl_record_error(hl_abi_record_type_t type, uint32_t code,
    const char *message);

/* The largest "size" that hl_record_add() takes. */
size_t hl_record_max(void);

/* Leaves to the host, which empties the output area, and comes back. */
void hl_leave(hl_abi_hypercall_t kind);


/* value.c: types and values as the ABI has them. */

hl_ParameterType hl_type_from_abi(uint32_t type);
uint32_t hl_type_to_abi(hl_ParameterType type);

/* What hl_value_write() writes; "len" counts for String and VecBytes. */
size_t hl_value_size(uint32_t type, size_t len);

/* "data" holds a value of "type", or the "len" bytes of it. */
void hl_value_write(hl_abi_value_t *to, uint32_t type, const void *data,
    size_t len);

/* The value behind this one in a list. */
const hl_abi_value_t *hl_value_next(const hl_abi_value_t *value);

/* A malloc'ed copy of a String's or VecBytes' bytes, a NUL behind them. */
void *hl_value_copy(const hl_abi_value_t *value);


/* host_call.c: the reply area. */

/* Calls; false if that cannot be, the reason is in "text" then. */
bool hl_host_call(const hl_FunctionCall *call, char *text, size_t size);
#define HL_HOST_CALL_TEXT  192

const hl_abi_reply_t *hl_host_reply(void);


/* service.c: a host function by its number. */

/* The room for what goes in; NULL: it would not fit. */
void *hl_service_begin(uint32_t id, size_t len);

/* Calls.  What came out; NULL: an error, which hl_host_error() tells. */
const hl_abi_value_t *hl_service_call(void);

/* Both, for what takes a number. */
const hl_abi_value_t *hl_service_number(uint32_t id, uint64_t n);


/* host_error.c: what hl_host_error() tells from now on; NULL: nothing. */
void hl_set_host_error(const char *text);


/* error.c, abort.c */
void hl_set_error_fmt(hl_ErrorCode err, const char *fmt, ...)
    hl_printf_like(2, 3);
hl_noreturn void hl_abort_fmt(hl_ErrorCode err, const char *fmt, ...)
    hl_printf_like(2, 3);
hl_noreturn void __stack_chk_fail(void);

/* stdio.c: hands over what is buffered, if the guest uses stdio. */
void hl_stdio_flush(void);

/* alloc.c: malloc() that aborts, whatever hl_malloc_failed() does. */
void *hl_alloc(size_t size);
void *hl_realloc(void *ptr, size_t size);
char *hl_strdup(const char *s);


#endif /* _HL_GUEST_H_INCLUDED_ */
