/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hyperlight.h: libhyperlight, a sandbox per call on KVM.  With the headers
 * that it includes this is all that an embedder needs.
 *
 *     hl_guest_t     an ELF file, read once and validated; any process
 *     hl_host_t      this thread's hold on KVM: device, timer, entropy
 *     hl_sandbox_t   one micro-VM with one guest in it
 *     hl_snapshot_t  a sandbox's memory and registers, frozen
 *
 *     guest -> sandbox_create -> sandbox_evolve -> snapshot_create
 *           -> [ call_begin... -> sandbox_run ... -> sandbox_restore ]*
 *
 * A call is a resumable computation: hl_sandbox_run() returns when the guest
 * is done, when its slice of time is over, or when it has failed.  A guest
 * that failed is poisoned: only restore or destroy are possible then.
 *
 * Unless said otherwise: functions that can fail return a status and fill
 * the caller's error record, which may not be NULL, and set what they hand
 * out through a pointer with HL_OK only; an object is the caller's then, until
 * it is destroyed or released.  Strings are copied; sizes are in bytes, times
 * in nanoseconds.  Any function that needs memory or the kernel may fail with
 * HL_ERR_SYSTEM; with HL_ERR_ARGUMENT, HL_ERR_POISONED, HL_ERR_UNRECOVERABLE
 * if the sandbox's state does not allow it, and nothing is changed then.
 * Nothing here prints, exits, or starts a thread.  An object belongs to the
 * thread that made it and, but for hl_guest_t, to the process: KVM refuses
 * a VM after fork (KVM API, 4.2, "EIO").  No function is safe in a signal
 * handler.  Of the sandbox whose guest has called them, host functions and the
 * sink may give up the call; to run, to restore it and the like is refused
 * with HL_ERR_ARGUMENT, and to destroy it is a mistake.
 */

#ifndef _HYPERLIGHT_H_INCLUDED_
#define _HYPERLIGHT_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hl_abi.h"
#include "hl_embedder.h"
#include "hl_status.h"


#ifdef __cplusplus
extern "C" {
#endif


#define HL_VERSION  "0.1.0"

/* Of the library that is linked, static; hl_build() adds compiler and ABI. */
const char *hl_version(void);
const char *hl_build(void);


typedef struct hl_guest_s     hl_guest_t;
typedef struct hl_host_s      hl_host_t;
typedef struct hl_sandbox_s   hl_sandbox_t;
typedef struct hl_snapshot_s  hl_snapshot_t;


/* ---- guest: an ELF file ------------------------------------------------ */

/*
 * Reads the file into a sealed memfd and validates it: ELF64, x86-64, static
 * or static PIE, built by hlcc.  HL_ERR_GUEST_FILE names the file and says
 * what is wrong with it.  The guest may be used in forked children.
 */
hl_status_t hl_guest_open(hl_guest_t **guest, const char *path,
    hl_error_t *err);

/* The same from a copy of "size" bytes; "name" is for messages. */
hl_status_t hl_guest_from_buffer(hl_guest_t **guest, const void *data,
    size_t size, const char *name, hl_error_t *err);

/* Sandboxes and snapshots of it keep what they need.  NULL is ignored. */
void hl_guest_destroy(hl_guest_t *guest);


/* ---- host: KVM, time, entropy ------------------------------------------ */

#ifndef HL_KVM_DEVICE
#define HL_KVM_DEVICE  "/dev/kvm"
#endif

/*
 * Opens the device, O_CLOEXEC, and checks that KVM has what is needed.
 * HL_ERR_NO_KVM: it is not there, not permitted, or lacks a capability, which
 * is named.  *fd is the caller's to close, and may be inherited over fork.
 */
hl_status_t hl_kvm_open(int *fd, const char *path, hl_error_t *err);

#ifndef HL_VMSCAPE_FILE
#define HL_VMSCAPE_FILE  "/sys/devices/system/cpu/vulnerabilities/vmscape"
#endif

/*
 * Whether the kernel says there that guests can read from the process that
 * runs them (CVE-2025-40300); what it says is in "text" of "size" bytes,
 * printable.  Without the file nothing is known: false.
 */
bool hl_kvm_vmscape(const char *path, char *text, size_t size);

/*
 * For the calling thread.  "kvm_fd" stays the caller's and must outlive the
 * host.  "signo" is a real-time signal that nobody handles yet (else
 * HL_ERR_ARGUMENT); it is owned from now on, sent to this thread only, and
 * must not be blocked.
 */
hl_status_t hl_host_create(hl_host_t **host, int kvm_fd, int signo,
    hl_error_t *err);

/* All sandboxes of the host must be gone.  NULL is ignored. */
void hl_host_destroy(hl_host_t *host);

/*
 * The slice timer is armed lazily and left armed, since calls come in
 * bursts.  Call this when none came for a while: an armed timer interrupts
 * epoll_wait() once.  Cheap if the timer is not armed.
 */
void hl_host_idle(hl_host_t *host);


/* ---- sandbox ----------------------------------------------------------- */

/*
 * A file in the guest's address space, read-only: copied when the sandbox is
 * created, shared by those that come from its snapshots.
 */
typedef struct {
    const char  *path;
    uint64_t     address;       /* a multiple of 4096, where nothing else is */
    bool         executable;
} hl_file_map_t;

#define HL_FILES_MAX  8

/* Host functions, services and sink must outlive the sandbox; the rest is
 * copied. */
typedef struct {
    /* sizes in bytes, rounded up to pages */
    size_t                         heap;
    size_t                         stack;
    size_t                         input;     /* a call, with its metadata */
    size_t                         headers;   /* of input, for metadata */
    size_t                         output;    /* all records of one exit */

    bool                           clock;     /* clocks, and RDTSC */
    hl_log_level_t                 log_level; /* guests drop what is below */
    uint32_t                       denied;    /* HL_ABI_DENY_...: guests know
                                                 that the sink drops it */

    const void                    *init_data; /* hl_user_data() of a guest */
    size_t                         init_data_size;
    bool                           init_data_writable;

    const hl_file_map_t           *files;
    size_t                         file_count;

    const hl_host_function_t      *functions;
    size_t                         function_count;
    const hl_raw_host_function_t  *raw_functions;
    size_t                         raw_function_count;
    const hl_services_t           *services;
    const hl_sink_t               *sink;

    bool                           check_restore; /* for tests */
} hl_config_t;

/*
 * Heap 1 MiB, stack 64 KiB, input 128 KiB, headers 32 KiB of it, output
 * 128 KiB, a clock, log level Warning; nothing else.
 */
void hl_config_init(hl_config_t *config);

/*
 * HL_ERR_MEMORY_TOO_SMALL, HL_ERR_MEMORY_TOO_BIG, HL_ERR_ARGUMENT name what
 * is out of its bounds.
 */
hl_status_t hl_config_check(const hl_config_t *config, hl_error_t *err);

/*
 * What hl_sandbox_memory() of its sandboxes will be, with a "config" that
 * hl_config_check() takes.  Of config->files it fails as hl_sandbox_create().
 */
hl_status_t hl_guest_memory(const hl_guest_t *guest,
    const hl_config_t *config, size_t *memory, size_t *shared,
    hl_error_t *err);

/*
 * Lays the guest out in memory; no VM yet.  Fails as hl_config_check() does;
 * HL_ERR_GUEST_FILE, HL_ERR_ARGUMENT: of config->files, one cannot be read,
 * or is mapped where something is.
 */
hl_status_t hl_sandbox_create(hl_sandbox_t **sb, hl_host_t *host,
    const hl_guest_t *guest, const hl_config_t *config, hl_error_t *err);

/*
 * Makes the VM and runs the guest's initialisation to its first park, in at
 * most "timeout_ns".  HL_ERR_INIT says how the guest failed, or that it took
 * too long.  Failed: only destroy is left.
 */
hl_status_t hl_sandbox_evolve(hl_sandbox_t *sb, uint64_t timeout_ns,
    hl_error_t *err);

/*
 * A further sandbox, ready for calls, sharing the snapshot's pages, with the
 * host functions, sink and log level of the sandbox that was frozen.
 */
hl_status_t hl_sandbox_from_snapshot(hl_sandbox_t **sb, hl_host_t *host,
    hl_snapshot_t *snapshot, hl_error_t *err);

/* NULL is ignored. */
void hl_sandbox_destroy(hl_sandbox_t *sb);

/* What host functions and the sink get as "data"; NULL at first. */
void hl_sandbox_set_data(hl_sandbox_t *sb, void *data);

typedef enum {
    HL_SANDBOX_NEW,             /* not evolved */
    HL_SANDBOX_READY,
    HL_SANDBOX_CALLING,         /* begun, and not done */
    HL_SANDBOX_POISONED,
    HL_SANDBOX_UNRECOVERABLE
} hl_sandbox_state_t;

hl_sandbox_state_t hl_sandbox_state(const hl_sandbox_t *sb);

/* From the next call on. */
void hl_sandbox_set_log_level(hl_sandbox_t *sb, hl_log_level_t level);

/* Bytes of guest memory: the sandbox's own slot, and the shared one. */
size_t hl_sandbox_memory(const hl_sandbox_t *sb, size_t *shared);


/* ---- guest counter ----------------------------------------------------- */

/*
 * A number that the host keeps and the guest reads, hl_guest_counter(): the
 * host's value counts, no guest can change it, and no restore does.  It is the
 * sandbox's, and goes with it.
 */
typedef struct hl_counter_s  hl_counter_t;

/* Once for a sandbox: "GuestCounter has already been created ..." */
hl_status_t hl_counter_create(hl_counter_t **counter, hl_sandbox_t *sb,
    hl_error_t *err);

/* "GuestCounter overflow", "GuestCounter underflow": nothing is changed. */
hl_status_t hl_counter_increment(hl_counter_t *counter, hl_error_t *err);
hl_status_t hl_counter_decrement(hl_counter_t *counter, hl_error_t *err);

uint64_t hl_counter_value(const hl_counter_t *counter);


/* ---- interrupt --------------------------------------------------------- */

/*
 * Ends a call from another thread.  All functions but create are thread-safe;
 * a handle may outlive its sandbox.
 */
typedef struct hl_interrupt_s  hl_interrupt_t;

/* In the sandbox's thread.  Every call gives a new hold on the same handle. */
hl_status_t hl_interrupt_create(hl_interrupt_t **interrupt, hl_sandbox_t *sb,
    hl_error_t *err);

/* NULL is ignored. */
void hl_interrupt_release(hl_interrupt_t *interrupt);

/*
 * The call that was begun ends with HL_ERR_CANCELLED, unless the guest is
 * done before it notices.  Blocks until the vCPU has left; true if it had to
 * be made to.  Without a call it does nothing: each call begins uncancelled.
 */
bool hl_interrupt_kill(hl_interrupt_t *interrupt);

/* Whether the sandbox is gone. */
bool hl_interrupt_dropped(const hl_interrupt_t *interrupt);


/* ---- function table ---------------------------------------------------- */

/* Of an HTTP function, result and parameters say nothing. */
typedef struct {
    const char          *name;
    hl_function_kind_t   kind;
    hl_type_t            result;
    size_t               param_count;
    hl_type_t            params[HL_ABI_PARAMS_MAX];
} hl_function_t;

/*
 * As published at the first park; none before it.  The table is owned by the
 * sandbox, its snapshots and those that come from them, and the same for all
 * of these.
 */
const hl_function_t *hl_sandbox_functions(const hl_sandbox_t *sb,
    size_t *count);

/* NULL if there is none of that name. */
const hl_function_t *hl_sandbox_function(const hl_sandbox_t *sb,
    const char *name);


/* ---- calls ------------------------------------------------------------- */

/*
 * Begins a typed call in a ready sandbox.  "function" is the table's row or
 * NULL, "name" counts then (Hyperlight's guests dispatch unknown names).
 * "result" is what the caller expects.  HL_ERR_TOO_LARGE: the arguments have
 * no room in the input; HL_ERR_STRING, as by hl_check_string().
 * An argument of String or VecBytes with data NULL and len > 0 is left out
 * and its room is handed back in rooms[i], for the caller to fill before it
 * runs the guest; "rooms" may be NULL otherwise.
 */
hl_status_t hl_call_typed(hl_sandbox_t *sb, const hl_function_t *function,
    const char *name, hl_type_t result, const hl_value_t *args, size_t n,
    void **rooms, hl_error_t *err);

/* Checks what was filled into a String's room: HL_ERR_STRING unless it is
 * UTF-8 without a NUL. */
hl_status_t hl_check_string(const void *data, size_t len, hl_error_t *err);


typedef enum {
    HL_HTTP_METHOD,
    HL_HTTP_URI,
    HL_HTTP_ARGS,
    HL_HTTP_PROTOCOL,
    HL_HTTP_REMOTE_ADDR
} hl_http_field_t;

/*
 * Begins an HTTP call: then fields, then headers, then the original response,
 * if it is to be filtered, then the body, each at most once but for headers,
 * then hl_sandbox_run().  What is not given is empty.  All but the body is
 * copied, into the room for headers: HL_ERR_METADATA_TOO_LARGE.  If one of
 * them fails, hl_call_cancel().
 */
hl_status_t hl_call_http(hl_sandbox_t *sb, const hl_function_t *function,
    hl_error_t *err);
hl_status_t hl_call_http_field(hl_sandbox_t *sb, hl_http_field_t field,
    const void *data, size_t len, hl_error_t *err);
hl_status_t hl_call_http_header(hl_sandbox_t *sb, const void *name,
    size_t name_len, const void *value, size_t value_len, hl_error_t *err);

/* The original response: its status first, then its headers; its body is the
 * call's. */
hl_status_t hl_call_http_original(hl_sandbox_t *sb, uint32_t status,
    hl_error_t *err);
hl_status_t hl_call_http_original_header(hl_sandbox_t *sb, const void *name,
    size_t name_len, const void *value, size_t value_len, hl_error_t *err);

/* *room: "len" bytes in guest memory to fill before hl_sandbox_run().
 * HL_ERR_TOO_LARGE: the rest of the input is smaller. */
hl_status_t hl_call_http_body(hl_sandbox_t *sb, size_t len, void **room,
    hl_error_t *err);

/* After the body: it was not all, the guest can read on (read_body). */
hl_status_t hl_call_http_more(hl_sandbox_t *sb, hl_error_t *err);

/*
 * Gives up a call, begun or running: the sandbox is poisoned.  The sink gets
 * what the guest had logged and printed by then.  By a host function or the
 * sink: when that has returned, the call ends with HL_ERR_CANCELLED.
 */
void hl_call_cancel(hl_sandbox_t *sb);


typedef enum {
    HL_STOP_DONE,               /* hl_call_result() */
    HL_STOP_SLICE,              /* call hl_sandbox_run() again */
    HL_STOP_HOST_CALL,          /* hl_call_answer(), then run it again */
    HL_STOP_FAILED              /* *err says why */
} hl_stop_t;

/*
 * Runs the guest for at most "slice_ns" of real time, and a little.  After
 * HL_STOP_FAILED with HL_ERR_GUEST or HL_ERR_RESULT_TYPE the sandbox is
 * ready, else poisoned.
 */
hl_stop_t hl_sandbox_run(hl_sandbox_t *sb, uint64_t slice_ns,
    hl_error_t *err);

/*
 * Answers the host function that said HL_AGAIN.  With HL_OK "result" has the
 * function's type, and its bytes are copied; NULL of a Void function.  Else
 * the text of "why" reaches the guest.
 */
hl_status_t hl_call_answer(hl_sandbox_t *sb, hl_status_t status,
    const hl_value_t *result, const hl_error_t *why, hl_error_t *err);

/*
 * hl_sandbox_run() until done; HL_ERR_TIMEOUT after "timeout_ns".  Nobody is
 * there to answer later: HL_ERR_ARGUMENT if a host function says HL_AGAIN.
 */
hl_status_t hl_sandbox_finish(hl_sandbox_t *sb, uint64_t timeout_ns,
    hl_error_t *err);

/* Of a typed call that is done: in guest memory, until the next call or
 * restore.  NULL if there is none. */
const hl_value_t *hl_call_result(const hl_sandbox_t *sb);

/* Where and how a guest stopped with HL_ERR_FAULT; for reports. */
typedef struct {
    uint64_t  vector;
    uint64_t  error_code;
    uint64_t  address;          /* CR2, of a page fault (vector 14) */
    uint64_t  rip;
    uint64_t  rflags;
    uint64_t  fs_base;
    uint64_t  gs_base;
    uint64_t  gpr[16];          /* in the order of the instruction set */
} hl_fault_t;

/* NULL unless the last call ended with HL_ERR_FAULT. */
const hl_fault_t *hl_call_fault(const hl_sandbox_t *sb);


#define HL_FRAMES_MAX  8
#define HL_WHERE_TEXT  256

/*
 * A place in the guest's code, and of callers the last byte of the call, so
 * that addr2line names the line of the call and not the next.
 */
typedef struct {
    uint64_t     address;
    const char  *symbol;        /* printable; NULL: none is known */
    uint64_t     offset;        /* from the symbol */
    unsigned     times;         /* over 1: recursion, of one caller in a row */
} hl_frame_t;

/*
 * Where the guest stopped and by whom that was called, as far as its frame
 * pointers tell: of a call that has failed, or has not ended, the sandbox
 * untouched since then.  Returns the number of frames, 0 if nothing is
 * known.  It is the guest's word, good for reports and nothing else.
 */
size_t hl_call_backtrace(const hl_sandbox_t *sb,
    hl_frame_t frames[HL_FRAMES_MAX]);

/*
 * The same as text: ", in parse+0x1c (json.elf), called by handle+0x44", to
 * go at the end of a sentence; nothing, if nothing is known.  Texts of errors
 * have it already.  Returns buf.
 */
char *hl_call_where(const hl_sandbox_t *sb, char *buf, size_t size);


/* ---- snapshot and restore ---------------------------------------------- */

/*
 * Freezes a ready sandbox, which stays ready; if this fails it may be
 * poisoned or unrecoverable.  The snapshot is counted: sandboxes that come
 * from it or were restored to it hold it too.
 */
hl_status_t hl_snapshot_create(hl_snapshot_t **snapshot, hl_sandbox_t *sb,
    hl_error_t *err);

/* Drops the caller's hold.  NULL is ignored. */
void hl_snapshot_release(hl_snapshot_t *snapshot);

/*
 * Puts memory, registers and FPU back, whatever the guest did.  The
 * snapshot's layout must be that of the sandbox, and the host functions of
 * the sandbox that was frozen must be here, with the same signatures
 * (HL_ERR_SNAPSHOT_LAYOUT, HL_ERR_SNAPSHOT_FUNCTIONS: nothing is changed).
 * HL_ERR_SYSTEM leaves it unrecoverable.
 *
 * With check_restore all of memory and of the vCPU's state is compared with
 * the snapshot then, as in a sandbox that is made from one: HL_ERR_INEXACT
 * names the first difference, leaves the sandbox unrecoverable, and is a
 * defect of core's, never the guest's.  It costs much, above all with a large
 * heap.
 */
hl_status_t hl_sandbox_restore(hl_sandbox_t *sb, hl_snapshot_t *snapshot,
    hl_error_t *err);


/* Since the sandbox was made. */
typedef struct {
    uint64_t  calls;
    uint64_t  runs;             /* KVM_RUN */
    uint64_t  exits;            /* of the guest's own doing */
    uint64_t  guest_ns;         /* time in KVM_RUN, of the last call; of each
                                   slice little more than it was to have */
    uint64_t  restores;
    uint64_t  restored_pages;   /* copied back, by the last restore */
    uint64_t  dropped_pages;    /* given back, by the last restore */
    uint64_t  rebuilds;         /* of the VM, after an unexpected exit */
} hl_stats_t;

/* The sandbox's own, and always up to date. */
const hl_stats_t *hl_sandbox_stats(const hl_sandbox_t *sb);


#ifdef __cplusplus
}
#endif


#endif /* _HYPERLIGHT_H_INCLUDED_ */
