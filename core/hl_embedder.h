/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_embedder.h: what an embedder gives its guests: host functions,
 * services, and a sink for what they put out.  Part of hyperlight.h.
 */

#ifndef _HL_EMBEDDER_H_INCLUDED_
#define _HL_EMBEDDER_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hl_abi.h"
#include "hl_status.h"


#ifdef __cplusplus
extern "C" {
#endif


/* "Int", "VecBytes" and so on; "?" for what is no type. */
const char *hl_type_name(uint32_t type);


/* "type" says which member counts; Void has none. */
typedef struct {
    hl_type_t  type;

    union {
        int32_t   i32;
        uint32_t  u32;
        int64_t   i64;
        uint64_t  u64;
        float     f32;
        double    f64;
        bool      boolean;

        struct {                /* String, VecBytes; no NUL is implied */
            const void  *data;
            size_t       len;
        } bytes;
    } v;
} hl_value_t;


/*
 * Answers a call of the guest, or says HL_AGAIN: the guest stays stopped
 * then, hl_sandbox_run() ends with HL_STOP_HOST_CALL, and hl_call_answer()
 * lets it go on.  During initialisation that is not possible.
 *
 * "args" have the registered types; their bytes lie in guest memory and are
 * valid until the function returns.  The bytes of *result are copied at once
 * after it returned.  An error's text reaches the guest.
 */
typedef hl_status_t (*hl_host_function_pt)(void *data,
    const hl_value_t *args, size_t n, hl_value_t *result, hl_error_t *err);

/* The name has 1 to HL_ABI_NAME_MAX bytes; of two with one name the first is
 * called. */
typedef struct {
    const char           *name;
    hl_type_t             result;
    size_t                param_count;
    hl_type_t             params[HL_ABI_PARAMS_MAX];
    hl_host_function_pt   function;
} hl_host_function_t;


/*
 * The same by a number, bytes in and bytes out: for an SDK of the embedder's
 * own.  Numbers from HL_RAW_ID_MIN on.  The bytes of *result, VecBytes by now,
 * are copied at once after it returned.
 */
typedef hl_status_t (*hl_raw_host_function_pt)(void *data, const void *in,
    size_t len, hl_value_t *result, hl_error_t *err);

typedef struct {
    uint32_t                  id;
    hl_raw_host_function_pt   function;
} hl_raw_host_function_t;


/*
 * What a guest puts out besides host calls, handed over in the guest's
 * order, each once, at the exit that brings it.  Pointers are into guest
 * memory and valid until the function returns.  An error ends the call with
 * it.  NULL members drop what they would get.  print() gets what the guest
 * wrote to stdout and stderr.
 */
typedef struct {
    hl_status_t  (*log)(void *data, hl_log_level_t level, const char *source,
                        size_t source_len, uint32_t line, const char *message,
                        size_t message_len, hl_error_t *err);
    hl_status_t  (*print)(void *data, const char *text, size_t len,
                          hl_error_t *err);
    hl_status_t  (*status)(void *data, uint32_t status, hl_error_t *err);
    hl_status_t  (*header)(void *data, const char *name, size_t name_len,
                           const char *value, size_t value_len,
                           hl_error_t *err);

    /* HL_AGAIN: the bytes are taken, and the guest is not to go on before
       somebody wants it to: hl_sandbox_run() ends with HL_STOP_SLICE. */
    hl_status_t  (*body)(void *data, const void *bytes, size_t len,
                         hl_error_t *err);

    /* all headers of this name that were handed over before, and those of
       the original response, which the embedder has */
    hl_status_t  (*remove_header)(void *data, const char *name,
                                  size_t name_len, hl_error_t *err);

    /* Adds "value" to a metric; in the initialisation it is declared.  The
       name is any bytes. */
    hl_status_t  (*metric)(void *data, hl_metric_kind_t kind,
                           const char *name, size_t name_len, uint64_t value,
                           hl_error_t *err);

    /* Before any host function, known or not: by its name, or NULL and its
       number.  HL_ERR_GUEST refuses it alone, and the text reaches the
       guest. */
    hl_status_t  (*admit)(void *data, const char *name, uint32_t id,
                          hl_error_t *err);
} hl_sink_t;


/* What a guest asks of its host; the strings have no NUL behind them. */
typedef struct {
    const char  *method;
    size_t       method_len;
    const char  *uri;
    size_t       uri_len;
    const char  *type;          /* of the body; empty: not said */
    size_t       type_len;
    const void  *body;
    size_t       body_len;
} hl_subrequest_t;


/*
 * Host functions that belong to the guest library.  They may answer later,
 * as all host functions may.  Of a NULL member the guest gets an error.
 *
 * A piece is VecBytes of "max" bytes or less, also when it comes later, and
 * is empty at the end of what is read.
 */
typedef struct {
    /* hl_sleep() */
    hl_status_t  (*sleep)(void *data, uint64_t ns, hl_error_t *err);

    /* hl_http_flush(): answered when the response may go on */
    hl_status_t  (*flush)(void *data, hl_error_t *err);

    /* hl_http_read_body(): what came behind hl_call_http_body() */
    hl_status_t  (*read_body)(void *data, size_t max, hl_value_t *piece,
                              hl_error_t *err);

    /* hl_http_subrequest(): *head is a hl_abi_subresponse_t with headers, of
       "max" bytes or less; one at a time, the one before is closed */
    hl_status_t  (*subrequest)(void *data, const hl_subrequest_t *sub,
                               size_t max, hl_value_t *head, hl_error_t *err);
    hl_status_t  (*subrequest_read)(void *data, size_t max,
                                    hl_value_t *piece, hl_error_t *err);
    hl_status_t  (*subrequest_close)(void *data, hl_error_t *err);

    /* hl_http_variable(): *value is empty if it is not set, else its bytes
       and a NUL */
    hl_status_t  (*variable)(void *data, const char *name, size_t name_len,
                             hl_value_t *value, hl_error_t *err);
} hl_services_t;


#ifdef __cplusplus
}
#endif


#endif /* _HL_EMBEDDER_H_INCLUDED_ */
