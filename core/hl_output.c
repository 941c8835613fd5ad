/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_output.c: takes the records that an exit brought.  All of it is the
 * guest's word: each head is copied once, checked, then used; the guest does
 * not run meanwhile.  Whatever does not fit the format ends the call.
 */

#include <string.h>

#include "hl_error.h"
#include "hl_sandbox.h"


/* No slice's deadline is looked at while they are taken. */
#define HL_OUTPUT_RECORDS_MAX  65536


typedef hl_status_t (*hl_output_pt)(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);


static bool hl_output_records(hl_sandbox_t *sb, hl_cursor_t *records,
    uint64_t *size);
static hl_status_t hl_output_record(hl_sandbox_t *sb, uint32_t hypercall,
    hl_cursor_t *records, uint32_t *last, hl_error_t *err);
static hl_status_t hl_output_function(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_log(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_print(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_status(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_header(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_remove_header(hl_sandbox_t *sb,
    hl_cursor_t *record, hl_error_t *err);
static hl_status_t hl_output_body(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_result(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_guest_error(hl_sandbox_t *sb,
    hl_cursor_t *record, hl_error_t *err);
static hl_status_t hl_output_abort(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_handler(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_metric(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
static hl_status_t hl_output_malformed(hl_error_t *err, const char *what);
static hl_status_t hl_output_failed(const hl_sandbox_t *sb,
    hl_status_t status, hl_error_t *err);


/* By type.  "hypercall": where it must be the last record. */
static const struct {
    unsigned       phases;
    uint32_t       hypercall;
    hl_output_pt   take;
} hl_output_types[] = {
    [HL_REC_FUNCTION] = { HL_PHASE_INIT, 0, hl_output_function },
    [HL_REC_LOG] = { HL_PHASE_ANY, 0, hl_output_log },
    [HL_REC_PRINT] = { HL_PHASE_ANY, 0, hl_output_print },
    [HL_REC_STATUS] = { HL_PHASE_HTTP, 0, hl_output_status },
    [HL_REC_HEADER] = { HL_PHASE_HTTP, 0, hl_output_header },
    [HL_REC_BODY] = { HL_PHASE_HTTP, 0, hl_output_body },
    [HL_REC_RESULT] =
        { HL_PHASE_TYPED, HL_HYPERCALL_PARK, hl_output_result },
    [HL_REC_ERROR] =
        { HL_PHASE_CALL, HL_HYPERCALL_PARK, hl_output_guest_error },
    [HL_REC_CALL] = { HL_PHASE_ANY, HL_HYPERCALL_CALL, hl_hostfn_call },
    [HL_REC_ABORT] = { HL_PHASE_ANY, HL_HYPERCALL_ABORT, hl_output_abort },
    [HL_REC_HANDLER] = { HL_PHASE_ANY, 0, hl_output_handler },
    [HL_REC_RAW_CALL] =
        { HL_PHASE_ANY, HL_HYPERCALL_CALL, hl_hostfn_raw_call },
    [HL_REC_METRIC] = { HL_PHASE_ANY, 0, hl_output_metric },
    [HL_REC_REMOVE_HEADER] = { HL_PHASE_HTTP, 0, hl_output_remove_header }
};

#define HL_OUTPUT_TYPES  (sizeof(hl_output_types) / sizeof(hl_output_types[0]))


hl_status_t
hl_output_take(hl_sandbox_t *sb, uint32_t hypercall, hl_error_t *err)
{
    uint32_t     n, last;
    uint64_t     size;
    hl_cursor_t  records;
    hl_status_t  status;

    if (!hl_output_records(sb, &records, &size)) {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest says that its "
                            "output has %llu bytes, the area has %zu",
                            (unsigned long long) size, records.left);
    }

    last = 0;
    err->status = HL_OK;

    for (n = 0; records.left > 0; n++) {
        if (n == HL_OUTPUT_RECORDS_MAX) {
            return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out over "
                                "%d records at once", HL_OUTPUT_RECORDS_MAX);
        }

        status = hl_output_record(sb, hypercall, &records, &last, err);

        if (status != HL_OK) {
            return hl_output_failed(sb, status, err);
        }
    }

    if ((hypercall == HL_HYPERCALL_CALL && last != HL_REC_CALL
         && last != HL_REC_RAW_CALL)
        || (hypercall == HL_HYPERCALL_ABORT && last != HL_REC_ABORT))
    {
        return hl_output_malformed(err, "last");
    }

    return HL_OK;
}


/*
 * The guest may have stopped in the middle of a record, so the first one
 * that is not whole ends it, silently: the call has failed already.  So does
 * one too many.
 */
void
hl_output_salvage(hl_sandbox_t *sb)
{
    bool             serving;
    uint32_t         n;
    uint64_t         size;
    hl_error_t       err;
    hl_status_t      status;
    hl_cursor_t      records, record;
    hl_abi_record_t  head;

    if (!hl_output_records(sb, &records, &size)) {
        return;
    }

    status = HL_OK;
    serving = sb->serving;
    sb->serving = true;

    for (n = 0;
         n < HL_OUTPUT_RECORDS_MAX && status == HL_OK
         && hl_cursor_copy(&records, &head, sizeof(head))
         && head.size >= sizeof(head)
         && hl_cursor_split(&records, head.size - sizeof(head), &record);
         n++)
    {
        hl_cursor_skip(&records, hl_abi_padded((size_t) head.size)
                                 - head.size);

        if (head.type == HL_REC_LOG || head.type == HL_REC_PRINT) {
            status = hl_output_types[head.type].take(sb, &record, &err);
        }
    }

    sb->serving = serving;
}


/*
 * The list; or false, and what the guest says and the room there is.
 *
 * It is empty from now on: a call that ends before the guest has run again
 * would hand it over a second time.  KVM's log has the page: no snapshot has
 * a list in it, so that what is there was written since.
 */
static bool
hl_output_records(hl_sandbox_t *sb, hl_cursor_t *records, uint64_t *size)
{
    uint8_t            *base;
    hl_cursor_t         area;
    hl_abi_output_t     head;
    const hl_region_t  *r;

    r = &sb->image->layout.regions[HL_REGION_OUTPUT];
    base = sb->rw + r->offset;

    memcpy(&head, base, sizeof(head));
    *size = head.size;

    if (head.size > 0) {
        memset(base, 0, sizeof(head));
    }

    area.pos = base + sizeof(head);
    area.left = r->size - sizeof(head);
    *records = area;

    return hl_cursor_split(&area, head.size, records);
}


bool
hl_output_value(hl_cursor_t *record, hl_value_t *value)
{
    const void      *bytes;
    hl_abi_value_t   head;

    if (!hl_cursor_copy(record, &head, sizeof(head))
        || head.type > HL_TYPE_LAST)
    {
        return false;
    }

    memset(value, 0, sizeof(hl_value_t));
    value->type = (hl_type_t) head.type;

    switch (value->type) {

    case HL_TYPE_STRING:
    case HL_TYPE_VECBYTES:
        if (!hl_cursor_take(record, head.len, &bytes)) {
            return false;
        }

        hl_cursor_skip(record, hl_abi_padded((size_t) head.len + 1)
                               - head.len);

        value->v.bytes.data = bytes;
        value->v.bytes.len = head.len;
        return true;

    case HL_TYPE_BOOL:
        value->v.boolean = (head.bits & 0xff) != 0;
        break;

    default:
        value->v.u64 = head.bits;
        break;
    }

    return head.len == 0;
}


static hl_status_t
hl_output_record(hl_sandbox_t *sb, uint32_t hypercall, hl_cursor_t *records,
    uint32_t *last, hl_error_t *err)
{
    hl_cursor_t      record;
    hl_abi_record_t  head;

    if (!hl_cursor_copy(records, &head, sizeof(head))
        || head.size < sizeof(head)
        || !hl_cursor_split(records, head.size - sizeof(head), &record))
    {
        return hl_output_malformed(err, "some");
    }

    hl_cursor_skip(records, hl_abi_padded((size_t) head.size) - head.size);
    *last = head.type;

    if (head.type >= HL_OUTPUT_TYPES
        || !(hl_output_types[head.type].phases & (unsigned) sb->phase)
        || (hl_output_types[head.type].hypercall != 0
            && (hl_output_types[head.type].hypercall != hypercall
                || records->left > 0)))
    {
        return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out a record "
                            "of type %u, which does not belong there",
                            head.type);
    }

    return hl_output_types[head.type].take(sb, &record, err);
}


static hl_status_t
hl_output_function(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    return hl_functions_add(sb->functions, record, err);
}


static hl_status_t
hl_output_log(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    const void       *source, *message;
    hl_abi_log_t      log;
    const hl_sink_t  *sink;

    if (!hl_cursor_copy(record, &log, sizeof(log))
        || log.level > HL_LOG_CRITICAL
        || !hl_cursor_take(record, log.source_len, &source)
        || !hl_cursor_take(record, log.message_len, &message))
    {
        return hl_output_malformed(err, "log");
    }

    sink = sb->bindings.sink;

    if (sink == NULL || sink->log == NULL
        || log.level < (uint32_t) sb->bindings.log_level)
    {
        return HL_OK;
    }

    return sink->log(sb->data, (hl_log_level_t) log.level, source,
                     log.source_len, log.line, message, log.message_len,
                     err);
}


static hl_status_t
hl_output_print(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    const hl_sink_t  *sink;

    sink = sb->bindings.sink;

    if (sink == NULL || sink->print == NULL) {
        return HL_OK;
    }

    return sink->print(sb->data, (const char *) record->pos, record->left,
                       err);
}


static hl_status_t
hl_output_status(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    uint32_t          status;
    const hl_sink_t  *sink;

    if (!hl_cursor_copy(record, &status, sizeof(status))) {
        return hl_output_malformed(err, "status");
    }

    sink = sb->bindings.sink;

    if (sink == NULL || sink->status == NULL) {
        return HL_OK;
    }

    return sink->status(sb->data, status, err);
}


static hl_status_t
hl_output_header(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    const void       *name, *nul, *value;
    hl_abi_header_t   head;
    const hl_sink_t  *sink;

    if (!hl_cursor_copy(record, &head, sizeof(head))
        || !hl_cursor_take(record, head.name_len, &name)
        || !hl_cursor_take(record, 1, &nul)
        || !hl_cursor_take(record, head.value_len, &value))
    {
        return hl_output_malformed(err, "header");
    }

    sink = sb->bindings.sink;

    if (sink == NULL || sink->header == NULL) {
        return HL_OK;
    }

    return sink->header(sb->data, name, head.name_len, value, head.value_len,
                        err);
}


static hl_status_t
hl_output_remove_header(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err)
{
    const hl_sink_t  *sink;

    sink = sb->bindings.sink;

    if (sink == NULL || sink->remove_header == NULL) {
        return HL_OK;
    }

    return sink->remove_header(sb->data, (const char *) record->pos,
                               record->left, err);
}


static hl_status_t
hl_output_body(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    hl_status_t       status;
    const hl_sink_t  *sink;

    sink = sb->bindings.sink;

    if (sink == NULL || sink->body == NULL) {
        return HL_OK;
    }

    status = sink->body(sb->data, record->pos, record->left, err);

    if (status == HL_AGAIN) {
        sb->yields = true;
        return HL_OK;
    }

    return status;
}


static hl_status_t
hl_output_result(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    if (sb->has_result || !hl_output_value(record, &sb->result)) {
        return hl_output_malformed(err, "result");
    }

    sb->has_result = true;

    return HL_OK;
}


static hl_status_t
hl_output_guest_error(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    char             name[32];
    char             text[HL_ERROR_TEXT];
    const void      *message;
    hl_abi_error_t   head;

    (void) sb;

    if (!hl_cursor_copy(record, &head, sizeof(head))
        || !hl_cursor_take(record, head.message_len, &message))
    {
        return hl_output_malformed(err, "error");
    }

    (void) hl_error_set(err, HL_ERR_GUEST,
                        "Guest error occurred %s: %.440s",
                        hl_guest_code_name(head.code, name, sizeof(name)),
                        hl_error_escape(text, sizeof(text), message,
                                        head.message_len));
    err->guest_code = head.code;

    return HL_ERR_GUEST;
}


static hl_status_t
hl_output_abort(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    char             text[HL_ERROR_TEXT];
    const void      *message;
    hl_abi_error_t   head;

    (void) sb;

    if (!hl_cursor_copy(record, &head, sizeof(head))
        || !hl_cursor_take(record, head.message_len, &message))
    {
        return hl_output_malformed(err, "abort");
    }

    (void) hl_error_set(err, HL_ERR_ABORTED, "Guest aborted: %u %.440s",
                        head.code,
                        hl_error_escape(text, sizeof(text), message,
                                        head.message_len));
    err->guest_code = head.code;

    return HL_ERR_ABORTED;
}


static hl_status_t
hl_output_handler(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    hl_gva_t  handler;

    if (!hl_cursor_copy(record, &handler, sizeof(handler))
        || handler >= HL_GVA_END)
    {
        return hl_output_malformed(err, "handler");
    }

    sb->handler = handler;

    return HL_OK;
}


static hl_status_t
hl_output_metric(hl_sandbox_t *sb, hl_cursor_t *record, hl_error_t *err)
{
    const void       *name;
    hl_abi_metric_t   metric;
    const hl_sink_t  *sink;

    if (!hl_cursor_copy(record, &metric, sizeof(metric))
        || metric.kind > HL_METRIC_HISTOGRAM
        || !hl_cursor_take(record, metric.name_len, &name))
    {
        return hl_output_malformed(err, "metric");
    }

    sink = sb->bindings.sink;

    if (sink == NULL || sink->metric == NULL) {
        return HL_OK;
    }

    return sink->metric(sb->data, (hl_metric_kind_t) metric.kind, name,
                        metric.name_len, metric.value, err);
}


static hl_status_t
hl_output_malformed(hl_error_t *err, const char *what)
{
    return hl_error_set(err, HL_ERR_OUTPUT, "the guest put out a malformed "
                        "record (%s)", what);
}


/*
 * What an embedder's function returns counts, whatever it has made of the
 * error record.  Only the guest's last word can be answered later.
 */
static hl_status_t
hl_output_failed(const hl_sandbox_t *sb, hl_status_t status, hl_error_t *err)
{
    if (status == HL_AGAIN && !sb->suspended) {
        return hl_error_set(err, HL_ERR_ARGUMENT, "only a host function can "
                            "answer later");
    }

    if (err->status != status) {
        return hl_error_set(err, status, "the host gave no reason");
    }

    return status;
}
