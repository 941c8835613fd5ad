/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun.c: runs a guest of Hyperlight for nginx from the command line; the
 * smallest embedder of libhyperlight, and a guest author's tool.
 *
 *     options -> guest -> KVM -> sandbox -> evolve -> list | call | measure
 *
 * See hlrun(1) and hlrun_args.c for what it can do.
 */

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "hlrun.h"


#define HLRUN_SIGNAL  SIGRTMIN          /* the core's slice timer */


static void hlrun_open(hlrun_t *run);
static void hlrun_evolve(hlrun_t *run);
static void hlrun_list(const hlrun_t *run);
static void hlrun_put_signature(FILE *out, const hl_function_t *function);
static void hlrun_find(hlrun_t *run);
static void hlrun_find_http(hlrun_t *run);
static void hlrun_prepare(hlrun_t *run);
static void hlrun_print_result(hlrun_t *run);


int
main(int argc, char **argv)
{
    hl_error_t      err;
    static hlrun_t  run;

    hlrun_args_parse(&run.options, argc, argv);

    hlrun_open(&run);
    hlrun_evolve(&run);

    if (run.options.function == NULL && run.options.http == NULL) {
        hlrun_list(&run);
        hlrun_finish();
    }

    hlrun_find(&run);
    hlrun_prepare(&run);

    if (run.options.bench > 0) {
        hlrun_bench(&run);
        hlrun_finish();
    }

    if (hlrun_call(&run, &err) != HL_OK) {
        hlrun_fail_call(&run, &err);
    }

    hlrun_print_result(&run);
    hlrun_finish();
}


static void
hlrun_open(hlrun_t *run)
{
    int              fd;
    hl_error_t       err;
    hl_config_t     *config;
    hlrun_buffer_t   init_data = { NULL, 0, 0 };

    config = &run->options.config;
    hlrun_host_config(config, run->options.test_functions);

    if (run->options.http != NULL) {
        hlrun_request_read(&run->request, run->options.http);
    }

    if (run->options.init_data != NULL) {
        hlrun_read_file(&init_data, run->options.init_data);
        config->init_data = init_data.data;
        config->init_data_size = init_data.len;
    }

    if (hl_guest_open(&run->guest, run->options.guest, &err) != HL_OK
        || hl_kvm_open(&fd, HL_KVM_DEVICE, &err) != HL_OK
        || hl_host_create(&run->host, fd, HLRUN_SIGNAL, &err) != HL_OK
        || hl_sandbox_create(&run->sandbox, run->host, run->guest, config,
                             &err)
           != HL_OK)
    {
        hlrun_fail_error(&err);
    }

    hl_sandbox_set_data(run->sandbox, run);
}


/* Of an initialisation that failed, only the time tells a limit apart. */

static void
hlrun_evolve(hlrun_t *run)
{
    uint64_t         spent;
    hl_error_t       err;
    struct timespec  begin, end;

    (void) clock_gettime(CLOCK_MONOTONIC, &begin);

    if (hl_sandbox_evolve(run->sandbox, run->options.timeout, &err)
        == HL_OK)
    {
        return;
    }

    (void) clock_gettime(CLOCK_MONOTONIC, &end);

    spent = (uint64_t) (end.tv_sec - begin.tv_sec) * HLRUN_NS_PER_S
            + (uint64_t) end.tv_nsec - (uint64_t) begin.tv_nsec;

    if (err.status == HL_ERR_INIT && spent >= run->options.timeout) {
        err.status = HL_ERR_TIMEOUT;
    }

    hlrun_fail_error(&err);
}


static void
hlrun_list(const hlrun_t *run)
{
    size_t                i, n;
    const hl_function_t  *functions;

    functions = hl_sandbox_functions(run->sandbox, &n);

    for (i = 0; i < n; i++) {
        hlrun_put_signature(stdout, &functions[i]);
        (void) putchar('\n');
    }
}


static void
hlrun_put_signature(FILE *out, const hl_function_t *function)
{
    size_t  i;

    hlrun_put_text(out, function->name, strlen(function->name));

    if (function->kind == HL_FUNCTION_HTTP) {
        (void) fputs(": HTTP", out);
        return;
    }

    (void) fputc('(', out);

    for (i = 0; i < function->param_count; i++) {
        (void) fprintf(out, "%s%s", i > 0 ? ", " : "",
                       hlrun_type_name(function->params[i]));
    }

    (void) fprintf(out, ") -> %s", hlrun_type_name(function->result));
}


/* The function that was meant, and whether it can be called like this. */

static void
hlrun_find(hlrun_t *run)
{
    const char           *name;
    const hl_function_t  *f;

    name = run->options.function;
    f = name != NULL ? hl_sandbox_function(run->sandbox, name) : NULL;

    run->function = f;

    if (run->options.http != NULL) {
        hlrun_find_http(run);
        return;
    }

    run->result = run->options.has_result ? run->options.result
                                          : HL_TYPE_INT;

    if (f == NULL) {
        return;
    }

    if (f->kind == HL_FUNCTION_HTTP) {
        hlrun_fail(HLRUN_USAGE, "%s is an HTTP handler: give it a request by "
                   "--http FILE", name);
    }

    if (run->options.has_result && run->options.result != f->result) {
        hlrun_fail(HLRUN_USAGE, "--result %s: %s has the result %s",
                   hlrun_type_name(run->options.result), name,
                   hlrun_type_name(f->result));
    }

    run->result = f->result;

    if (run->options.arg_count != f->param_count) {
        hlrun_fail(HLRUN_USAGE, "%s takes %zu argument%s, but got %zu", name,
                   f->param_count, f->param_count == 1 ? "" : "s",
                   run->options.arg_count);
    }
}


/* By name, or the only one. */

static void
hlrun_find_http(hlrun_t *run)
{
    size_t                i, n;
    const char           *name;
    const hl_function_t  *functions;

    name = run->options.function;
    functions = hl_sandbox_functions(run->sandbox, &n);

    for (i = 0; name == NULL && i < n; i++) {

        if (functions[i].kind != HL_FUNCTION_HTTP) {
            continue;
        }

        if (run->function != NULL) {
            hlrun_fail(HLRUN_USAGE, "the guest has several HTTP handlers: "
                       "name one");
        }

        run->function = &functions[i];
    }

    if (run->function == NULL || run->function->kind != HL_FUNCTION_HTTP) {
        hlrun_fail(HLRUN_USAGE, "the guest has no HTTP handler%s%s",
                   name != NULL ? " " : "", name != NULL ? name : "");
    }
}


/* Arguments become values, by the function table or by their looks. */

static void
hlrun_prepare(hlrun_t *run)
{
    char                  what[64 + HL_ABI_NAME_MAX];
    size_t                i;
    hl_type_t             type;
    const char           *text;
    const hl_function_t  *f;

    f = run->function;

    if (run->options.arg_count > HL_ABI_PARAMS_MAX) {
        hlrun_fail(HLRUN_USAGE, "a function has at most %d parameters",
                   HL_ABI_PARAMS_MAX);
    }

    for (i = 0; i < run->options.arg_count; i++) {
        text = run->options.args[i];
        type = f != NULL ? f->params[i] : hlrun_value_type(text);

        (void) snprintf(what, sizeof(what), "argument %zu of %s", i + 1,
                        run->options.function);

        hlrun_value_parse(&run->args[i], type, text, what);
    }
}


hl_status_t
hlrun_call(hlrun_t *run, hl_error_t *err)
{
    hl_status_t  status;

    hlrun_response_clear(&run->response);

    if (run->options.http != NULL) {
        status = hlrun_request_begin(&run->request, run->sandbox,
                                     run->function, err);

    } else {
        status = hl_call_typed(run->sandbox, run->function,
                               run->options.function, run->result, run->args,
                               run->options.arg_count, NULL, err);
    }

    if (status != HL_OK) {
        return status;
    }

    return hl_sandbox_finish(run->sandbox, run->options.timeout, err);
}


void
hlrun_fail_call(const hlrun_t *run, const hl_error_t *err)
{
    char  where[HL_WHERE_TEXT];

    if (err->status == HL_ERR_TIMEOUT) {
        hlrun_fail(HLRUN_LIMIT, "%s took longer than %" PRIu64 " ms%s",
                   run->function != NULL ? run->function->name
                                         : run->options.function,
                   run->options.timeout / HLRUN_NS_PER_MS,
                   hl_call_where(run->sandbox, where, sizeof(where)));
    }

    hlrun_fail_error(err);
}


static void
hlrun_print_result(hlrun_t *run)
{
    const hl_value_t  *value;

    if (run->options.http != NULL) {
        hlrun_response_print(stdout, &run->response);
        return;
    }

    value = hl_call_result(run->sandbox);

    if (value != NULL && value->type != HL_TYPE_VOID) {
        hlrun_value_print(stdout, value);
        (void) putchar('\n');
    }
}
