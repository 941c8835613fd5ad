/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_hostfn.c: a guest calls a host function.  A call of what is not there,
 * or with other types than registered, is an error that the guest sees; only
 * a malformed record ends the call.
 */

#include <string.h>

#include "hl_error.h"
#include "hl_sandbox.h"


#define HL_HOSTFN_ERROR  17             /* hl_ErrorCode_HostFunctionError */

static const char  hl_hostfn_print_name[] = "HostPrint";


typedef struct {
    hl_type_t    result;                /* that the guest expects */
    size_t       n;
    char         name[HL_ABI_NAME_MAX + 1];
    hl_value_t   args[HL_ABI_PARAMS_MAX];
} hl_hostfn_call_t;


static void hl_hostfn_silent(hl_error_t *why);
static hl_status_t hl_hostfn_answer(hl_sandbox_t *sb, hl_status_t status,
    hl_type_t expected, const hl_value_t *result, hl_error_t *why,
    hl_error_t *err);
static hl_status_t hl_hostfn_admit(hl_sandbox_t *sb, const char *name,
    uint32_t id, hl_error_t *err);
static hl_status_t hl_hostfn_raw_run(hl_sandbox_t *sb, uint32_t id,
    const void *bytes, size_t len, hl_value_t *result, hl_error_t *err);
static bool hl_hostfn_has(const hl_bindings_t *have,
    const hl_host_function_t *needed);
static bool hl_hostfn_has_raw(const hl_bindings_t *have, uint32_t id);
static bool hl_hostfn_decode(hl_cursor_t *record, hl_hostfn_call_t *call);
static hl_status_t hl_hostfn_run(hl_sandbox_t *sb,
    const hl_hostfn_call_t *call, hl_value_t *result, hl_error_t *err);
static hl_status_t hl_hostfn_print(hl_sandbox_t *sb,
    const hl_hostfn_call_t *call, hl_value_t *result, hl_error_t *err);
static hl_status_t hl_hostfn_check(const hl_host_function_t *f,
    const hl_hostfn_call_t *call, hl_error_t *err);
static void hl_hostfn_reply(hl_sandbox_t *sb, hl_status_t status,
    const hl_value_t *result, const hl_error_t *why);


hl_status_t
hl_hostfn_call(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    hl_value_t        result;
    hl_error_t        why;
    hl_status_t       status;
    hl_hostfn_call_t  call;

    if (!hl_hostfn_decode(record, &call)) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out a "
                            "malformed host function call");
    }

    memset(&result, 0, sizeof(result));
    result.type = HL_TYPE_VOID;
    hl_hostfn_silent(&why);

    status = hl_hostfn_admit(sb, call.name, 0, &why);

    if (status == HL_OK) {
        status = hl_hostfn_run(sb, &call, &result, &why);

    } else if (status != HL_ERR_GUEST) {
        *err = why;
        return status;
    }

    return hl_hostfn_answer(sb, status, call.result, &result, &why, err);
}


/* A function that says nothing must not hand the guest what lies here. */
static void
hl_hostfn_silent(hl_error_t *why)
{
    (void) hl_error_set(why, HL_OK, "the host gave no reason");
}


/* What is neither HL_OK nor HL_ERR_GUEST ends the call of the guest. */
static hl_status_t
hl_hostfn_admit(hl_sandbox_t *sb, const char *name, uint32_t id,
    hl_error_t *err)
{
    const hl_sink_t  *sink;

    sink = sb->bindings.sink;

    if (sink == NULL || sink->admit == NULL) {
        return HL_OK;
    }

    return sink->admit(sb->data, name, id, err);
}


/* Now, or the guest is suspended: HL_AGAIN. */
static hl_status_t
hl_hostfn_answer(hl_sandbox_t *sb, hl_status_t status, hl_type_t expected,
    const hl_value_t *result, hl_error_t *why, hl_error_t *err)
{
    if (status == HL_AGAIN) {
        if (sb->phase != HL_PHASE_INIT) {
            sb->suspended = true;
            sb->awaited = expected;
            return hl_error_set(err, HL_AGAIN, "the guest waits");
        }

        status = hl_error_set(why, HL_ERR_GUEST, "the initialisation cannot "
                              "wait for a host function");
    }

    if (status == HL_OK && result->type != expected) {
        status = hl_error_set(why, HL_ERR_GUEST, "Failed To Convert Return "
                              "Value %s to %s", hl_type_name(result->type),
                              hl_type_name(expected));
    }

    hl_hostfn_reply(sb, status, result, why);

    return HL_OK;
}


hl_status_t
hl_call_answer(hl_sandbox_t *sb, hl_status_t status,
    const hl_value_t *result, const hl_error_t *why, hl_error_t *err)
{
    hl_error_t  text;
    hl_value_t  nothing;

    if (sb->state != HL_SANDBOX_CALLING || !sb->suspended
        || status == HL_AGAIN)
    {
        return hl_sandbox_refuse(sb, "the guest does not wait for an answer",
                                 err);
    }

    memset(&nothing, 0, sizeof(nothing));
    nothing.type = sb->awaited == HL_TYPE_VECBYTES ? HL_TYPE_VECBYTES
                                                   : HL_TYPE_VOID;

    if (status != HL_OK) {
        text = *why;
    }

    sb->suspended = false;

    return hl_hostfn_answer(sb, status, sb->awaited,
                            result != NULL ? result : &nothing, &text, err);
}


hl_status_t
hl_hostfn_raw_call(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    const void         *bytes;
    hl_value_t          result;
    hl_error_t          why;
    hl_status_t         status;
    hl_abi_raw_call_t   head;

    if (!hl_cursor_copy(record, &head, sizeof(head))
        || !hl_cursor_take(record, head.len, &bytes))
    {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out a "
                            "malformed host function call");
    }

    memset(&result, 0, sizeof(result));
    hl_hostfn_silent(&why);

    status = hl_hostfn_admit(sb, NULL, head.id, &why);

    if (status == HL_OK) {
        status = hl_hostfn_raw_run(sb, head.id, bytes, head.len, &result,
                                   &why);

    } else if (status != HL_ERR_GUEST) {
        *err = why;
        return status;
    }

    result.type = HL_TYPE_VECBYTES;

    return hl_hostfn_answer(sb, status, HL_TYPE_VECBYTES, &result, &why,
                            err);
}


static hl_status_t
hl_hostfn_raw_run(hl_sandbox_t *sb, uint32_t id, const void *bytes,
    size_t len, hl_value_t *result, hl_error_t *err)
{
    size_t                         i;
    const hl_raw_host_function_t  *f;

    if (id < HL_RAW_ID_MIN) {
        return hl_service_call(sb, id, bytes, len, result, err);
    }

    for (i = 0; i < sb->bindings.raw_function_count; i++) {
        f = &sb->bindings.raw_functions[i];

        if (f->id == id) {
            return f->function(sb->data, bytes, len, result, err);
        }
    }

    return hl_error_set(err, HL_ERR_GUEST, "HostFunction %u was not found",
                        id);
}


hl_status_t
hl_hostfn_covers(const hl_bindings_t *have, const hl_bindings_t *needed,
    hl_error_t *err)
{
    size_t                     i;
    const hl_host_function_t  *f;

    for (i = 0; i < needed->function_count; i++) {
        f = &needed->functions[i];

        if (!hl_hostfn_has(have, f)) {
            return hl_error_set(err, HL_ERR_SNAPSHOT_FUNCTIONS, "the "
                                "snapshot needs the host function %s, which "
                                "is not here or has another signature",
                                f->name);
        }
    }

    for (i = 0; i < needed->raw_function_count; i++) {
        if (!hl_hostfn_has_raw(have, needed->raw_functions[i].id)) {
            return hl_error_set(err, HL_ERR_SNAPSHOT_FUNCTIONS, "the "
                                "snapshot needs the host function %u, which "
                                "is not here", needed->raw_functions[i].id);
        }
    }

    return HL_OK;
}


static bool
hl_hostfn_has(const hl_bindings_t *have, const hl_host_function_t *needed)
{
    size_t                     i;
    const hl_host_function_t  *f;

    for (i = 0; i < have->function_count; i++) {
        f = &have->functions[i];

        if (strcmp(f->name, needed->name) == 0) {
            return f->result == needed->result
                   && f->param_count == needed->param_count
                   && memcmp(f->params, needed->params,
                             f->param_count * sizeof(hl_type_t)) == 0;
        }
    }

    return false;
}


static bool
hl_hostfn_has_raw(const hl_bindings_t *have, uint32_t id)
{
    size_t  i;

    for (i = 0; i < have->raw_function_count; i++) {
        if (have->raw_functions[i].id == id) {
            return true;
        }
    }

    return false;
}


static bool
hl_hostfn_decode(hl_cursor_t *record, hl_hostfn_call_t *call)
{
    size_t          i;
    hl_abi_call_t   head;

    if (!hl_cursor_copy(record, &head, sizeof(head))
        || head.result > HL_TYPE_LAST
        || head.param_count > HL_ABI_PARAMS_MAX
        || head.name_len == 0 || head.name_len > HL_ABI_NAME_MAX
        || !hl_cursor_copy(record, call->name, head.name_len))
    {
        return false;
    }

    call->name[head.name_len] = '\0';
    call->result = (hl_type_t) head.result;
    call->n = head.param_count;

    hl_cursor_skip(record, hl_abi_padded((size_t) head.name_len + 1)
                           - head.name_len);

    for (i = 0; i < call->n; i++) {
        if (!hl_output_value(record, &call->args[i])
            || call->args[i].type == HL_TYPE_VOID)
        {
            return false;
        }
    }

    return strlen(call->name) == head.name_len;
}


static hl_status_t
hl_hostfn_run(hl_sandbox_t *sb, const hl_hostfn_call_t *call,
    hl_value_t *result, hl_error_t *err)
{
    char                       name[HL_ERROR_TEXT];
    size_t                     i;
    const hl_host_function_t  *f;

    for (i = 0; i < sb->bindings.function_count; i++) {
        f = &sb->bindings.functions[i];

        if (strcmp(f->name, call->name) != 0) {
            continue;
        }

        if (hl_hostfn_check(f, call, err) != HL_OK) {
            return err->status;
        }

        result->type = f->result;

        return f->function(sb->data, call->args, call->n, result, err);
    }

    if (strcmp(call->name, hl_hostfn_print_name) == 0) {
        return hl_hostfn_print(sb, call, result, err);
    }

    return hl_error_set(err, HL_ERR_GUEST, "HostFunction %s was not found",
                        hl_error_escape(name, sizeof(name), call->name,
                                        strlen(call->name)));
}


/* Called by name, it does what a write to stdout does without an exit. */
static hl_status_t
hl_hostfn_print(hl_sandbox_t *sb, const hl_hostfn_call_t *call,
    hl_value_t *result, hl_error_t *err)
{
    const hl_sink_t  *sink;

    static const hl_host_function_t  print = {
        hl_hostfn_print_name, HL_TYPE_INT, 1, { HL_TYPE_STRING }, NULL
    };

    if (hl_hostfn_check(&print, call, err) != HL_OK) {
        return err->status;
    }

    result->type = HL_TYPE_INT;
    result->v.i32 = (int32_t) call->args[0].v.bytes.len;

    sink = sb->bindings.sink;

    if (sink == NULL || sink->print == NULL) {
        return HL_OK;
    }

    return sink->print(sb->data, call->args[0].v.bytes.data,
                       call->args[0].v.bytes.len, err);
}


static hl_status_t
hl_hostfn_check(const hl_host_function_t *f, const hl_hostfn_call_t *call,
    hl_error_t *err)
{
    size_t  i;

    if (call->n != f->param_count) {
        return hl_error_set(err, HL_ERR_GUEST, "The number of arguments to "
                            "the function is wrong: got %zu expected %zu",
                            call->n, f->param_count);
    }

    for (i = 0; i < call->n; i++) {
        if (call->args[i].type != f->params[i]) {
            return hl_error_set(err, HL_ERR_GUEST, "Failed To Convert "
                                "Parameter Value %s to %s",
                                hl_type_name(call->args[i].type),
                                hl_type_name(f->params[i]));
        }
    }

    return HL_OK;
}


static void
hl_hostfn_reply(hl_sandbox_t *sb, hl_status_t status,
    const hl_value_t *result, const hl_error_t *why)
{
    size_t              room;
    void               *bytes;
    uint8_t            *base, *end;
    const char         *text;
    hl_abi_reply_t     *reply;
    const hl_region_t  *r;

    r = &sb->image->layout.regions[HL_REGION_REPLY];
    base = sb->rw + r->offset;
    reply = (hl_abi_reply_t *) (void *) base;
    room = r->size - sizeof(hl_abi_reply_t);

    memset(base, 0, sb->reply_end);
    end = base + sizeof(hl_abi_reply_t);

    text = status == HL_OK ? NULL : why->text;

    if (status == HL_OK
        && (result->type == HL_TYPE_STRING
            || result->type == HL_TYPE_VECBYTES)
        && (result->v.bytes.len > room
            || hl_abi_value_size(result->v.bytes.len) > room))
    {
        text = "the result of the host function is over the reply's room";
    }

    if (text == NULL) {
        end = hl_call_put_value(end, result, &bytes);

    } else {
        reply->error = HL_HOSTFN_ERROR;
        reply->message_len = (uint32_t) strlen(text);
        memcpy(end, text, reply->message_len);
        end += reply->message_len;
    }

    reply->size = (uint64_t) (end - base);
    sb->reply_end = (size_t) (end - base);
}
