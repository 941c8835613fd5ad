/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_sandbox.h: a sandbox from inside of core: its state, and what the files
 * that work on it offer each other.
 */

#ifndef _HL_SANDBOX_H_INCLUDED_
#define _HL_SANDBOX_H_INCLUDED_


#include "hl_functions.h"
#include "hl_host.h"
#include "hl_interrupt.h"


/* What a guest is doing when it leaves: decides which records it may send. */
typedef enum {
    HL_PHASE_INIT = 1,
    HL_PHASE_TYPED = 2,
    HL_PHASE_HTTP = 4
} hl_phase_t;

#define HL_PHASE_CALL  (HL_PHASE_TYPED|HL_PHASE_HTTP)
#define HL_PHASE_ANY   (HL_PHASE_INIT|HL_PHASE_CALL)


/* The parts of an HTTP call come in this order. */
typedef enum {
    HL_HTTP_STAGE_FIELDS,
    HL_HTTP_STAGE_HEADERS,
    HL_HTTP_STAGE_ORIGINAL,
    HL_HTTP_STAGE_BODY,
    HL_HTTP_STAGE_DONE
} hl_http_stage_t;


/* The embedder's part of a configuration: no part of an image. */
typedef struct {
    const hl_host_function_t      *functions;
    size_t                         function_count;
    const hl_raw_host_function_t  *raw_functions;
    size_t                         raw_function_count;
    const hl_services_t           *services;
    const hl_sink_t               *sink;
    hl_log_level_t                 log_level;
    bool                           check_restore;
} hl_bindings_t;


struct hl_counter_s {
    hl_sandbox_t  *sandbox;             /* NULL: not created */
    uint64_t       value;
};


struct hl_sandbox_s {
    hl_host_t           *host;
    hl_image_t          *image;
    hl_functions_t      *functions;     /* NULL until evolve */
    hl_snapshot_t       *base;          /* what lies under rw, or NULL */
    hl_vm_t             *vm;            /* NULL until evolve */
    uint8_t             *rw;            /* the writable slot; NULL: lost, the
                                           sandbox is unrecoverable */
    hl_gva_t             entry;         /* of the next call: dispatcher */
    hl_sandbox_state_t   state;
    void                *data;
    hl_bindings_t        bindings;      /* what the guest may reach */
    hl_counter_t         counter;
    hl_interrupt_t      *interrupt;     /* NULL: there is no handle */
    hl_gva_t             handler;       /* of exceptions; 0: there is none */
    hl_abi_time_t        time;          /* as published last */
    uint64_t             time_left;     /* its counter, at the last exit */

    /* the vCPU is parked: only memory has to be restored */
    bool                 clean;

    /* the call; of the one that ended: result, fault */
    hl_phase_t           phase;
    bool                 started;
    hl_type_t            expected;
    hl_http_stage_t      stage;
    bool                 suspended;     /* a host function answers later */
    bool                 yields;        /* the sink wants the guest stopped */
    bool                 serving;       /* an exit: in the embedder, maybe */
    bool                 given_up;      /* by the embedder, meanwhile */
    hl_type_t            awaited;       /* what the guest expects of it */
    bool                 has_result;
    bool                 has_fault;     /* handled, or the one it ends with */
    bool                 fault_last;    /* it is the fault that stopped it */
    hl_value_t           result;
    hl_fault_t           fault;

    /* what the host wrote since the last restore, in bytes from the start
       of the input area (twice: metadata, HTTP body) and the reply area */
    size_t               input_end;
    size_t               body_end;
    size_t               reply_end;

    /* dirty log: now, and at the last restore; a bit for each page of rw */
    size_t               log_words;
    uint64_t            *log;
    uint64_t            *last;
    uint64_t            *touched;       /* by the host: KVM does not see it */
    bool                 any_touched;
    unsigned             learning;      /* restores since the log was empty */

    hl_stats_t           stats;
};


struct hl_snapshot_s {
    unsigned          refs;
    hl_image_t       *image;
    hl_functions_t   *functions;
    hl_gva_t          entry;
    hl_gva_t          handler;
    hl_bindings_t     bindings;
    int               fd;               /* sealed memfd of the rw slot */
    const uint8_t    *pages;            /* the same, mapped read-only */
    uint64_t         *present;          /* pages that may be other than 0 */
    hl_vcpu_state_t  *state;
};


/* Where a region of the writable slot begins in host memory. */
#define hl_sandbox_region(sb, id)                                             \
    ((sb)->rw + (sb)->image->layout.regions[id].offset)

#define hl_sandbox_params(sb)                                                 \
    ((hl_abi_params_t *) (void *) hl_sandbox_region(sb, HL_REGION_PARAMS))


/* hl_sandbox.c: writes the parameters page, all of it. */
void hl_sandbox_publish(hl_sandbox_t *sb);

/* The error of a function that the state does not allow: poisoned,
 * unrecoverable, else HL_ERR_ARGUMENT and "why". */
hl_status_t hl_sandbox_refuse(const hl_sandbox_t *sb, const char *why,
    hl_error_t *err);

/* hl_dirty.c: the host wrote to memory that is the guest's; and KVM's log,
 * without what only the host writes, goes to sb->log. */
void hl_sandbox_touched(hl_sandbox_t *sb, const uint8_t *p, size_t len);
hl_status_t hl_sandbox_get_log(hl_sandbox_t *sb, hl_error_t *err);

/* hl_clock.c: before each entry, "now" is hl_now(); and after each exit. */
void hl_clock_publish(hl_sandbox_t *sb, uint64_t now);
void hl_clock_leave(hl_sandbox_t *sb);

/* hl_exception.c: the guest goes on in its handler, with sb->fault.
 * HL_ERR_FAULT, and nothing in *err: it has none, or no stack for it. */
hl_status_t hl_exception_deliver(hl_sandbox_t *sb, hl_error_t *err);

/* It goes on where the handler says. */
hl_status_t hl_exception_resume(hl_sandbox_t *sb, hl_gva_t frame,
    hl_error_t *err);

/* hl_output.c: takes the records that an exit brought; "hypercall" is the
 * guest's reason, unchecked. */
hl_status_t hl_output_take(hl_sandbox_t *sb, uint32_t hypercall,
    hl_error_t *err);

/* Of a call that failed in the middle: hands over logs and prints. */
void hl_output_salvage(hl_sandbox_t *sb);

/* Reads a value of a record; its bytes stay in guest memory. */
bool hl_output_value(hl_cursor_t *record, hl_value_t *value);

/* hl_hostfn.c: answers a HL_REC_CALL, a HL_REC_RAW_CALL into the reply
 * area. */
hl_status_t hl_hostfn_call(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);
hl_status_t hl_hostfn_raw_call(hl_sandbox_t *sb, hl_cursor_t *record,
    hl_error_t *err);

/* Whether all functions of "needed" are in "have", with the same types. */
hl_status_t hl_hostfn_covers(const hl_bindings_t *have,
    const hl_bindings_t *needed, hl_error_t *err);

/* hl_service.c: answers a raw call that the guest library makes. */
hl_status_t hl_service_call(hl_sandbox_t *sb, uint32_t id, const void *bytes,
    size_t len, hl_value_t *result, hl_error_t *err);

/* hl_call.c: writes a value into zeroed memory and returns its end; *room is
 * where the bytes lie.  The caller has checked that there is room. */
uint8_t *hl_call_put_value(uint8_t *dst, const hl_value_t *value,
    void **room);

/* Zeroes what the host wrote for the call before. */
void hl_call_wipe(hl_sandbox_t *sb);

/* hl_run.c: until the guest has parked. */
hl_stop_t hl_run(hl_sandbox_t *sb, uint64_t deadline, hl_error_t *err);

/* hl_snapshot.c */
hl_snapshot_t *hl_snapshot_hold(hl_snapshot_t *snapshot);

/* hl_fault.c: HL_ERR_FAULT with sb->fault in words: it ends the call. */
hl_status_t hl_fault_describe(hl_sandbox_t *sb, hl_error_t *err);

/* hl_backtrace.c: guest memory that the guest can read, and *left bytes from
 * there on; NULL if it cannot. */
const uint8_t *hl_backtrace_memory(const hl_sandbox_t *sb, hl_gva_t gva,
    size_t *left);

/* The frames of a guest that stopped at "place". */
size_t hl_backtrace(const hl_sandbox_t *sb, const hl_place_t *place,
    hl_frame_t frames[HL_FRAMES_MAX]);

/* hl_where.c: " in f+0x1 (g.elf), called by g+0x2", or less if less is
 * known; and at the end of an error, of a guest that has just left. */
char *hl_where_text(const hl_sandbox_t *sb, const hl_frame_t *frames,
    size_t n, char *buf, size_t size);
void hl_where_append(const hl_sandbox_t *sb, hl_error_t *err);


#endif /* _HL_SANDBOX_H_INCLUDED_ */
