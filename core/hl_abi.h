/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_abi.h: what a guest and its host agree on, and all that they share.
 *
 * A guest is entered at the address in hl_abi_params_t.entry with RDI holding
 * the address of the parameters page, a return address of 0 on an empty
 * stack, and every other register, flag and FPU component in its initial
 * state.  It leaves only through the two routines of the hypercall page:
 *
 *     park(dispatcher)   never returns: the guest is entered anew at
 *                        "dispatcher" (fixed by the first park)
 *     leave(kind, ...)   comes back when the host has acted
 *
 * When it parks, flushes, calls or aborts, the output area holds a list of
 * records; the host takes them in order, each once, and leaves the guest an
 * empty list.  RESUME and exceptions leave the list as it is.
 * Of a call that ends in the middle, by an exception or a limit, the host
 * takes what was logged and printed.
 *
 *     hl_abi_output_t.size
 *     | record | record | ... | record |          each padded to 8 bytes
 *
 * All integers are little endian.  Offsets are in bytes from the start of
 * the area that they point into.  Everything a guest writes is untrusted:
 * the host copies a struct once, checks it, and only then uses it.
 */

#ifndef _HL_ABI_H_INCLUDED_
#define _HL_ABI_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#ifdef __cplusplus
#define _Static_assert  static_assert
#endif


#define HL_ABI_MAGIC          0x317468676c727968ull     /* "hyrlght1" */
#define HL_ABI_VERSION        1

/* The ELF note that hlcc puts into a guest: desc is a uint32_t version. */
#define HL_ABI_NOTE_OWNER     "hlcc"
#define HL_ABI_NOTE_TYPE      1

#define HL_ABI_ALIGNMENT      8
#define hl_abi_padded(n)      (((n) + 7u) & ~(size_t) 7)

#define HL_ABI_PARAMS_MAX     11        /* of a function, as in Hyperlight */
#define HL_ABI_FUNCTIONS_MAX  1024
#define HL_ABI_NAME_MAX       255       /* of a function, in bytes */
#define HL_ABI_NO_FUNCTION    UINT32_MAX
#define HL_ABI_ENTROPY        32


/* Why a guest leaves; the argument of leave(), park() implies its own. */
typedef enum {
    HL_HYPERCALL_PARK = 1,              /* initialised, or the call is over */
    HL_HYPERCALL_FLUSH = 2,             /* take the records, nothing else */
    HL_HYPERCALL_CALL = 3,              /* the last record is HL_REC_CALL
                                           or HL_REC_RAW_CALL */
    HL_HYPERCALL_ABORT = 4,             /* the last record is HL_REC_ABORT */
    HL_HYPERCALL_RESUME = 5,            /* an exception was handled: go on
                                           from the hl_abi_exception_t that
                                           the second argument points to */
    HL_HYPERCALL_FAULT = 6              /* it was not: end the call with it */
} hl_abi_hypercall_t;


/* Types of values, numbered as Hyperlight's return types. */
typedef enum {
    HL_TYPE_INT = 0,                    /* int32_t, and so on */
    HL_TYPE_UINT = 1,
    HL_TYPE_LONG = 2,
    HL_TYPE_ULONG = 3,
    HL_TYPE_FLOAT = 4,
    HL_TYPE_DOUBLE = 5,
    HL_TYPE_STRING = 6,                 /* UTF-8, no NUL inside */
    HL_TYPE_BOOL = 7,
    HL_TYPE_VOID = 8,                   /* results only */
    HL_TYPE_VECBYTES = 9
} hl_type_t;

#define HL_TYPE_LAST          HL_TYPE_VECBYTES


/* Guest log levels, as on Hyperlight's wire. */
typedef enum {
    HL_LOG_TRACE = 0,
    HL_LOG_DEBUG = 1,
    HL_LOG_INFORMATION = 2,
    HL_LOG_WARNING = 3,
    HL_LOG_ERROR = 4,
    HL_LOG_CRITICAL = 5,
    HL_LOG_NONE = 6
} hl_log_level_t;


/* How a guest function is called. */
typedef enum {
    HL_FUNCTION_TYPED = 0,              /* parameters and a result */
    HL_FUNCTION_HTTP = 1                /* an HTTP request and a response */
} hl_function_kind_t;


/*
 * Where the clocks stood at a value of the time-stamp counter, and how to go
 * on from there:
 *
 *     ns = base + ((rdtsc - tsc) * mult >> shift)      128-bit product
 *
 * Published anew at every entry of the guest, and only then: what was read
 * belongs together if "sequence" is the same before and after.  Neither base
 * nor what a guest computes from it for CLOCK_MONOTONIC ever goes back.
 */
typedef struct {
    uint32_t  sequence;
    uint32_t  shift;
    uint64_t  mult;
    uint64_t  tsc;
    uint64_t  monotonic;                /* ns, CLOCK_MONOTONIC */
    uint64_t  realtime;                 /* ns since 1970, CLOCK_REALTIME */
} hl_abi_time_t;


/* Flags of the parameters page. */
#define HL_ABI_CLOCK          1u        /* "time" is valid, RDTSC is allowed */

/* Records that the host does not take, but counts. */
#define HL_ABI_DENY_HEADER    1u
#define HL_ABI_DENY_METRIC    2u


/*
 * The parameters page: read-only for the guest.  The first part is fixed
 * when the sandbox is laid out, the second is written anew for every call,
 * "counter" whenever the host changes it, "time" at every entry.
 */
typedef struct {
    uint64_t  magic;
    uint32_t  version;
    uint32_t  log_level;                /* hl_log_level_t: lower is dropped */
    uint64_t  entry;                    /* where the entry code jumps to */
    uint64_t  park;                     /* void park(void *dispatcher) */
    uint64_t  leave;                    /* void leave(uint32_t kind,
                                           const void *argument) */
    uint64_t  stack_bottom;
    uint64_t  stack_top;
    uint64_t  heap;
    uint64_t  heap_size;
    uint64_t  input;                    /* hl_abi_input_t, read-only */
    uint64_t  input_size;
    uint64_t  reply;                    /* hl_abi_reply_t, read-only */
    uint64_t  reply_size;
    uint64_t  output;                   /* hl_abi_output_t */
    uint64_t  output_size;
    uint64_t  user_data;                /* init_data; 0: there is none */
    uint64_t  user_data_size;
    uint32_t  flags;
    uint32_t  denied;                   /* HL_ABI_DENY_... */

    uint64_t  calls;                    /* since restore, this included */
    uint8_t   entropy[HL_ABI_ENTROPY];  /* fresh for every call */
    uint64_t  counter;                  /* hl_counter_*() of the host */
    hl_abi_time_t  time;
} hl_abi_params_t;


/*
 * A value: of a String or VecBytes, "len" bytes follow, then zero bytes, at
 * least one, up to the next multiple of 8; of any other type "bits" is the
 * value, zero-extended, "len" is 0 and nothing follows.  A String from a
 * guest may be any bytes, one to a guest is UTF-8 without NUL.
 */
typedef struct {
    uint32_t  type;                     /* hl_type_t */
    uint32_t  len;
    uint64_t  bits;
} hl_abi_value_t;

#define hl_abi_value_size(len)                                                \
    (sizeof(hl_abi_value_t) + hl_abi_padded((size_t) (len) + 1))


/*
 * The head of the input area: one call.  A typed call has its values at
 * "values", one after the other.  An HTTP call has a hl_abi_http_t there.
 */
typedef struct {
    uint32_t  kind;                     /* hl_function_kind_t */
    uint32_t  function;                 /* function table index, or none */
    uint32_t  name;                     /* offset; NUL-terminated */
    uint32_t  result;                   /* hl_type_t that the host expects */
    uint32_t  param_count;
    uint32_t  values;                   /* offset, multiple of 8 */
    uint64_t  size;                     /* of the whole message */
} hl_abi_input_t;


/* A string or bytes in the input area; a NUL follows and is not counted. */
typedef struct {
    uint32_t  offset;
    uint32_t  len;
} hl_abi_view_t;


/*
 * An HTTP request.  At "headers" are "header_count" headers one after the
 * other, each a hl_abi_header_t, the name, a NUL, the value, a NUL, zero
 * bytes up to the next multiple of 8.
 *
 * A filter has the response that it is for as well, the original: its status,
 * 0 in any other call, its headers in the same form, and its body instead of
 * the request's.
 */
typedef struct {
    hl_abi_view_t  method;
    hl_abi_view_t  uri;                 /* decoded, without arguments */
    hl_abi_view_t  args;                /* raw, without the question mark */
    hl_abi_view_t  protocol;            /* "HTTP/1.1" */
    hl_abi_view_t  remote_addr;         /* as text */
    hl_abi_view_t  body;
    uint32_t       headers;             /* offset, multiple of 8 */
    uint32_t       header_count;
    uint32_t       flags;               /* HL_ABI_HTTP_MORE */
    uint32_t       original_status;
    uint32_t       original_headers;    /* offset, multiple of 8 */
    uint32_t       original_header_count;
} hl_abi_http_t;

/* "body" is its beginning: HL_RAW_READ_BODY has more of it. */
#define HL_ABI_HTTP_MORE  1u


/*
 * A header in the input area, or of the response in HL_REC_HEADER: the name,
 * a NUL, the value, a NUL follow.
 */
typedef struct {
    uint32_t  name_len;
    uint32_t  value_len;
} hl_abi_header_t;

#define hl_abi_header_size(name_len, value_len)                               \
    hl_abi_padded(sizeof(hl_abi_header_t) + (size_t) (name_len)               \
                  + (size_t) (value_len) + 2)


/*
 * The reply area: the answer to HL_REC_CALL.  With "error" 0 a hl_abi_value_t
 * follows, else the text of the error, a NUL behind it.
 */
typedef struct {
    uint32_t  error;                    /* 0, or a hl_ErrorCode of the SDK */
    uint32_t  message_len;              /* with an error */
    uint64_t  size;                     /* of the whole reply */
} hl_abi_reply_t;


/* The head of the output area. */
typedef struct {
    uint64_t  size;                     /* of all records, this head not */
} hl_abi_output_t;


typedef enum {
    HL_REC_FUNCTION = 1,                /* first park only */
    HL_REC_LOG = 2,
    HL_REC_PRINT = 3,                   /* bytes for HostPrint */
    HL_REC_STATUS = 4,                  /* HTTP: uint32_t */
    HL_REC_HEADER = 5,                  /* HTTP: hl_abi_header_t */
    HL_REC_BODY = 6,                    /* HTTP: bytes */
    HL_REC_RESULT = 7,                  /* typed: hl_abi_value_t, bytes */
    HL_REC_ERROR = 8,                   /* hl_abi_error_t, text */
    HL_REC_CALL = 9,                    /* hl_abi_call_t, name, values */
    HL_REC_ABORT = 10,                  /* hl_abi_error_t, text */
    HL_REC_HANDLER = 11,                /* uint64_t: where exceptions go from
                                           now on, 0: they end the call */
    HL_REC_RAW_CALL = 12,               /* hl_abi_raw_call_t, bytes */
    HL_REC_METRIC = 13,                 /* hl_abi_metric_t, name */
    HL_REC_REMOVE_HEADER = 14           /* HTTP: a name, of all headers that
                                           are there by now */
} hl_abi_record_type_t;


/* The head of a record; "size" counts it, and not the padding behind. */
typedef struct {
    uint32_t  type;                     /* hl_abi_record_type_t */
    uint32_t  size;
} hl_abi_record_t;


/* HL_REC_FUNCTION: one row of the function table; the name follows. */
typedef struct {
    uint8_t   kind;                     /* hl_function_kind_t */
    uint8_t   result;                   /* hl_type_t */
    uint8_t   param_count;
    uint8_t   params[HL_ABI_PARAMS_MAX];
    uint16_t  name_len;
} hl_abi_function_t;


/* HL_REC_LOG: the source file's name and then the message follow. */
typedef struct {
    uint32_t  level;                    /* hl_log_level_t */
    uint32_t  line;
    uint32_t  source_len;
    uint32_t  message_len;
} hl_abi_log_t;


/* HL_REC_ERROR and HL_REC_ABORT: the text follows. */
typedef struct {
    uint32_t  code;                     /* hl_ErrorCode of the SDK */
    uint32_t  message_len;
} hl_abi_error_t;


/*
 * HL_REC_CALL: the name, a NUL, zero bytes up to the next multiple of 8,
 * then the values, one after the other.
 */
typedef struct {
    uint32_t  result;                   /* hl_type_t that the guest expects */
    uint32_t  param_count;
    uint32_t  name_len;
    uint32_t  reserved;
} hl_abi_call_t;


/*
 * HL_REC_RAW_CALL: a host function by its number; bytes follow, and the
 * reply's value is VecBytes.  Numbers below 0x10000 belong to the SDK.
 */
typedef struct {
    uint32_t  id;
    uint32_t  len;
} hl_abi_raw_call_t;

#define HL_RAW_SLEEP             1      /* in: uint64_t, ns; out: nothing */
#define HL_RAW_FLUSH             2      /* nothing; nothing */
#define HL_RAW_READ_BODY         3      /* uint64_t, how many bytes at most;
                                           bytes, none at the end */
#define HL_RAW_SUBREQUEST        4      /* hl_abi_subrequest_t, method, URI,
                                           type, body; hl_abi_subresponse_t,
                                           headers */
#define HL_RAW_SUBREQUEST_READ   5      /* as HL_RAW_READ_BODY */
#define HL_RAW_SUBREQUEST_CLOSE  6      /* nothing; nothing */
#define HL_RAW_VARIABLE          7      /* a name; nothing if it is not set,
                                           else its bytes and a NUL */
#define HL_RAW_ID_MIN            0x10000


/* A sub-request: the method's bytes, the URI's and so on follow. */
typedef struct {
    uint32_t  method_len;
    uint32_t  uri_len;                  /* with arguments, encoded */
    uint32_t  type_len;                 /* Content-Type; 0: none */
    uint32_t  body_len;
} hl_abi_subrequest_t;


/* What came back of it; headers follow, as in a request. */
typedef struct {
    uint32_t  status;
    uint32_t  header_count;
} hl_abi_subresponse_t;


/*
 * HL_REC_METRIC: adds to a counter or a histogram of the guest's own; the
 * name follows.  In the initialisation it declares one, and adds nothing.
 */
typedef struct {
    uint32_t  kind;                     /* hl_metric_kind_t */
    uint32_t  name_len;
    uint64_t  value;
} hl_abi_metric_t;

typedef enum {
    HL_METRIC_COUNTER = 0,
    HL_METRIC_HISTOGRAM = 1
} hl_metric_kind_t;

#define HL_ABI_METRIC_NAME_MAX   64     /* of a-z, 0-9 and _ */


/*
 * What an exception handler gets: with HL_REC_HANDLER set, an exception
 * enters the guest there, RDI pointing to this on its stack, below the red
 * zone of what was interrupted, with a return address of 0 under it.  The
 * other registers and the FPU are as they were.  The handler may change
 * everything but "vector", "error_code" and "address" before it resumes;
 * of the flags, only CF, PF, AF, ZF, SF, DF and OF are taken.
 */
typedef struct {
    uint64_t  vector;
    uint64_t  error_code;
    uint64_t  address;                  /* of a page fault, vector 14 */
    uint64_t  rip;
    uint64_t  rflags;
    uint64_t  reserved;
    uint64_t  gpr[16];                  /* RAX RCX RDX RBX RSP RBP RSI RDI
                                           R8 to R15 */
} hl_abi_exception_t;


_Static_assert(sizeof(hl_abi_params_t) == 232, "ABI: parameters page");
_Static_assert(sizeof(hl_abi_time_t) == 40, "ABI: time");
_Static_assert(sizeof(hl_abi_raw_call_t) == 8, "ABI: raw call");
_Static_assert(sizeof(hl_abi_subrequest_t) == 16, "ABI: sub-request");
_Static_assert(sizeof(hl_abi_subresponse_t) == 8, "ABI: its response");
_Static_assert(sizeof(hl_abi_metric_t) == 16, "ABI: metric");
_Static_assert(sizeof(hl_abi_exception_t) == 176, "ABI: exception");
_Static_assert(offsetof(hl_abi_params_t, entry) == 16, "ABI: entry");
_Static_assert(offsetof(hl_abi_params_t, stack_top) == 48, "ABI: stack");
_Static_assert(offsetof(hl_abi_params_t, calls) == 144, "ABI: calls");
_Static_assert(offsetof(hl_abi_params_t, time) == 192, "ABI: clock");
_Static_assert(sizeof(hl_abi_value_t) == 16, "ABI: value");
_Static_assert(sizeof(hl_abi_input_t) == 32, "ABI: input");
_Static_assert(sizeof(hl_abi_http_t) == 72, "ABI: HTTP request");
_Static_assert(sizeof(hl_abi_header_t) == 8, "ABI: header");
_Static_assert(sizeof(hl_abi_reply_t) == 16, "ABI: reply");
_Static_assert(sizeof(hl_abi_output_t) == 8, "ABI: output");
_Static_assert(sizeof(hl_abi_record_t) == 8, "ABI: record");
_Static_assert(sizeof(hl_abi_function_t) == 16, "ABI: function");
_Static_assert(sizeof(hl_abi_log_t) == 16, "ABI: log");
_Static_assert(sizeof(hl_abi_error_t) == 8, "ABI: error");
_Static_assert(sizeof(hl_abi_call_t) == 16, "ABI: call");


#ifdef __cplusplus
#undef _Static_assert
#endif


#endif /* _HL_ABI_H_INCLUDED_ */
