/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun.h: what the files of hlrun have in common.
 *
 * hlrun is one run to the end: what cannot go on ends it by hlrun_fail(),
 * and the kernel cleans up.  What comes from the guest reaches the terminal
 * only after hlrun_put_text(), but for what the guest prints itself.
 */

#ifndef _HLRUN_H_INCLUDED_
#define _HLRUN_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "hyperlight.h"


#define HLRUN_NS_PER_S   UINT64_C(1000000000)
#define HLRUN_NS_PER_MS  UINT64_C(1000000)


/* Exit statuses, for scripts: documented in --help and hlrun(1). */
typedef enum {
    HLRUN_DONE = 0,
    HLRUN_USAGE = 1,            /* command line, file, or this system */
    HLRUN_GUEST = 2,            /* the function answered with an error */
    HLRUN_CRASH = 3,            /* fault, abort, broken protocol */
    HLRUN_LIMIT = 4,            /* of time */
    HLRUN_NO_KVM = 5
} hlrun_exit_t;


/* ---- hlrun_args.c: the command line ------------------------------------ */

typedef struct {
    hl_config_t    config;
    const char    *guest;               /* file */
    const char    *function;            /* NULL: none was named */
    char         **args;
    size_t         arg_count;
    const char    *http;                /* file, or "-"; NULL: no request */
    const char    *init_data;           /* file, or NULL */
    hl_type_t      result;              /* if "has_result" */
    bool           has_result;
    bool           no_clock;
    bool           test_functions;
    uint64_t       bench;               /* calls; 0: no measurement */
    uint64_t       timeout;             /* ns */
} hlrun_options_t;

/* Names of log levels, in the order of hl_log_level_t. */
extern const char *const  hlrun_levels[HL_LOG_NONE + 1];

/* Ends the run for --help and --version too. */
void hlrun_args_parse(hlrun_options_t *options, int argc, char **argv);


/* ---- hlrun_util.c ------------------------------------------------------ */

void hlrun_fail(hlrun_exit_t status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* The end of a run that did what it should. */
void hlrun_finish(void) __attribute__((noreturn));

/* Fails with the status that the error stands for. */
void hlrun_fail_error(const hl_error_t *err) __attribute__((noreturn));

/* Bytes that grow; starts as zeroes. */
typedef struct {
    char    *data;
    size_t   len;
    size_t   room;
} hlrun_buffer_t;

/* Fails if there is no memory. */
void *hlrun_alloc(size_t n, size_t size);
void hlrun_append(hlrun_buffer_t *buffer, const void *data, size_t len);

/* The whole file; "-" is standard input. */
void hlrun_read_file(hlrun_buffer_t *buffer, const char *path);

/* In whatever case, as names of HTTP headers are compared. */
bool hlrun_same_name(const char *a, size_t a_len, const char *b,
    size_t b_len);


/* ---- hlrun_value.c: values from text ----------------------------------- */

const char *hlrun_type_name(hl_type_t type);

/* False if there is no type of that name. */
bool hlrun_type_find(const char *name, hl_type_t *type);

/*
 * "what" begins the message of a failure, "argument 1 of Echo" for example.
 * Bytes of the value belong to hlrun, for good.
 */
void hlrun_value_parse(hl_value_t *value, hl_type_t type, const char *text,
    const char *what);

/* The type that a text is of, where no function table says so. */
hl_type_t hlrun_value_type(const char *text);


/* ---- hlrun_print.c ----------------------------------------------------- */

/*
 * Writes UTF-8 with control characters and double quotes escaped as in JSON,
 * and what is not UTF-8 replaced by U+FFFD: no byte of it acts on a terminal.
 */
void hlrun_put_text(FILE *out, const void *text, size_t len);

/* Without a newline; nothing for Void. */
void hlrun_value_print(FILE *out, const hl_value_t *value);


/* ---- hlrun_http.c: requests -------------------------------------------- */

/* Part of the request's text, or of what was made of it. */
typedef struct {
    const char  *data;
    size_t       len;
} hlrun_text_t;

typedef struct {
    hlrun_text_t  name;
    hlrun_text_t  value;
} hlrun_header_t;

typedef struct {
    hlrun_text_t     method;
    hlrun_text_t     uri;               /* decoded, without arguments */
    hlrun_text_t     args;
    hlrun_text_t     protocol;
    hlrun_text_t     body;
    hlrun_header_t  *headers;
    size_t           header_count;
} hlrun_request_t;

/* Reads the file and takes it apart; messages name its line. */
void hlrun_request_read(hlrun_request_t *request, const char *path);

/* Begins the call and hands everything over. */
hl_status_t hlrun_request_begin(const hlrun_request_t *request,
    hl_sandbox_t *sb, const hl_function_t *function, hl_error_t *err);

/* As a String for the guest; several values are joined, as in nginx. */
void hlrun_request_header(const hlrun_request_t *request, const char *name,
    size_t len, hlrun_buffer_t *value);

/* Whether it can be a method or the name of a header. */
bool hlrun_is_token(const char *data, size_t len);


/* ---- hlrun_response.c -------------------------------------------------- */

/* Of one call; starts as zeroes. */
typedef struct {
    uint32_t         status;            /* 0: the guest has set none */
    hlrun_buffer_t   headers;           /* as they are sent */
    hlrun_buffer_t   body;
} hlrun_response_t;

void hlrun_response_clear(hlrun_response_t *response);
void hlrun_response_print(FILE *out, const hlrun_response_t *response);

/* For hl_sink_t; they refuse what nginx would. */
hl_status_t hlrun_response_status(hlrun_response_t *response,
    uint32_t status, hl_error_t *err);
hl_status_t hlrun_response_header(hlrun_response_t *response,
    const char *name, size_t name_len, const char *value, size_t value_len,
    hl_error_t *err);
hl_status_t hlrun_response_remove_header(hlrun_response_t *response,
    const char *name, size_t name_len, hl_error_t *err);
hl_status_t hlrun_response_body(hlrun_response_t *response,
    const void *bytes, size_t len, size_t max, hl_error_t *err);


/* ---- hlrun_host.c: what the guest sees of its host --------------------- */

/* The run; what host functions and sink get as "data". */
typedef struct {
    hlrun_options_t        options;
    hl_host_t             *host;
    hl_guest_t            *guest;
    hl_sandbox_t          *sandbox;
    const hl_function_t   *function;    /* NULL: not in the table */
    hl_type_t              result;
    hl_value_t             args[HL_ABI_PARAMS_MAX];
    hlrun_request_t        request;
    hlrun_response_t       response;
    hlrun_buffer_t         scratch;     /* of host functions' results */
    bool                   quiet;       /* drops what the guest puts out */
} hlrun_t;

/* Sink and host functions of the configuration. */
void hlrun_host_config(hl_config_t *config, bool test_functions);


/* ---- hlrun.c and hlrun_bench.c ----------------------------------------- */

/* One call from beginning to end; the result stays in guest memory. */
hl_status_t hlrun_call(hlrun_t *run, hl_error_t *err);

/* Of hlrun_call(): fails with what became of it. */
void hlrun_fail_call(const hlrun_t *run, const hl_error_t *err)
    __attribute__((noreturn));

/* Measures options.bench calls and prints a table. */
void hlrun_bench(hlrun_t *run);


#endif /* _HLRUN_H_INCLUDED_ */
