/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fuzz_vm.c: any code, in a real VM: t/fuzz/arena.c is the guest.
 *
 * Each input runs once; then the sandbox is restored, with check_restore, so
 * that any byte of memory or register that is left is found at once; now and
 * then an innocent call has to be answered right.
 *
 *     input   HTTP or typed (1), length of the code (2), the code, and what
 *             the output area is filled with
 *
 * The code is written to the read-only slot from the host's side, for there
 * is no way from the guest's.  That memory is a private mapping, whose page
 * is the sandbox's own from the first write on.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "hl_memory.h"


#define FUZZ_HEAD      3
#define FUZZ_CODE      HL_PAGE_SIZE
#define FUZZ_RET       0xc3
#define FUZZ_INNOCENT  16               /* inputs for each innocent call */
#define FUZZ_ANSWER    42               /* arena.c */

#define FUZZ_MS        1000000ull
#define FUZZ_LIMIT     (FUZZ_MS / 4)
#define FUZZ_LONG      (10000 * FUZZ_MS)


static hl_sandbox_t   *fuzz_sb;
static hl_snapshot_t  *fuzz_snapshot;
static uint8_t        *fuzz_code;       /* the arena, in the host's memory */


static void
fuzz_ok(hl_status_t status, const hl_error_t *err)
{
    if (status != HL_OK) {
        (void) fprintf(stderr, "%s\n", err->text);
        fuzz_fail("a call of core's that must succeed", __FILE__, __LINE__);
    }
}


static void
fuzz_restore(void)
{
    hl_error_t  err;

    fuzz_ok(hl_sandbox_restore(fuzz_sb, fuzz_snapshot, &err), &err);
}


static const hl_value_t *
fuzz_call(const char *name, hl_type_t result)
{
    hl_error_t  err;

    fuzz_ok(hl_call_typed(fuzz_sb, hl_sandbox_function(fuzz_sb, name), name,
                          result, NULL, 0, NULL, &err), &err);
    fuzz_ok(hl_sandbox_finish(fuzz_sb, FUZZ_LONG, &err), &err);

    return hl_call_result(fuzz_sb);
}


static void
fuzz_open(const char *build)
{
    int            fd;
    char           path[4096];
    hl_host_t     *host;
    hl_error_t     err;
    hl_guest_t    *guest;
    hl_config_t    config;

    (void) snprintf(path, sizeof(path), "%s/arena.elf", build);

    hl_config_init(&config);
    fuzz_config(&config);
    config.heap = 16 * HL_PAGE_SIZE;
    config.stack = 4 * HL_PAGE_SIZE;
    config.headers = HL_PAGE_SIZE;
    config.input = 4 * HL_PAGE_SIZE;
    config.output = 2 * HL_PAGE_SIZE;
    config.check_restore = true;

    fuzz_ok(hl_kvm_open(&fd, HL_KVM_DEVICE, &err), &err);
    fuzz_ok(hl_host_create(&host, fd, SIGRTMIN, &err), &err);
    fuzz_ok(hl_guest_open(&guest, path, &err), &err);
    fuzz_ok(hl_sandbox_create(&fuzz_sb, host, guest, &config, &err), &err);
    fuzz_ok(hl_sandbox_evolve(fuzz_sb, FUZZ_LONG, &err), &err);
    fuzz_ok(hl_snapshot_create(&fuzz_snapshot, fuzz_sb, &err), &err);
    hl_guest_destroy(guest);
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    hl_gva_t            gva;
    hl_image_t         *image;
    const char         *build;
    const hl_region_t  *r;

    (void) argc;
    (void) argv;

    build = getenv("HL_FUZZ_BUILD");
    fuzz_open(build != NULL ? build : "build/fuzz");

    gva = fuzz_call("where", HL_TYPE_ULONG)->v.u64;
    fuzz_restore();

    image = fuzz_sb->image;
    r = hl_layout_find(&image->layout, gva);
    fuzz_check(r != NULL && r->slot == HL_SLOT_RO);
    fuzz_check(mprotect(image->ro, image->layout.ro_size,
                        PROT_READ|PROT_WRITE)
               == 0);

    fuzz_code = image->ro + r->offset + (gva - r->gva);

    return 0;
}


/* Of the input's code: as it says, or all there is. */
static size_t
fuzz_code_len(const uint8_t *data, size_t size)
{
    size_t  len, max;

    len = data[1] | (size_t) data[2] << 8;
    max = size - FUZZ_HEAD;

    if (max > FUZZ_CODE) {
        max = FUZZ_CODE;
    }

    return len < max ? len : max;
}


/* False: it does not fit into the sandbox's input. */
static bool
fuzz_begin(const uint8_t *data, size_t size)
{
    void        *room;
    size_t       len;
    hl_error_t   err;
    hl_value_t   arg;

    len = fuzz_code_len(data, size);

    memset(fuzz_code, FUZZ_RET, FUZZ_CODE);
    memcpy(fuzz_code, data + FUZZ_HEAD, len);
    fuzz_sb->image->sum = hl_image_sum(fuzz_sb->image);

    memset(&arg, 0, sizeof(arg));
    arg.type = HL_TYPE_VECBYTES;
    arg.v.bytes.data = data + FUZZ_HEAD + len;
    arg.v.bytes.len = size - FUZZ_HEAD - len;

    if (data[0] & 1) {
        fuzz_ok(hl_call_http(fuzz_sb,
                             hl_sandbox_function(fuzz_sb, "fuzz_http"),
                             &err), &err);

        if (hl_call_http_body(fuzz_sb, arg.v.bytes.len, &room, &err)
            != HL_OK)
        {
            return false;
        }

        memcpy(room, arg.v.bytes.data, arg.v.bytes.len);
        return true;
    }

    return hl_call_typed(fuzz_sb, hl_sandbox_function(fuzz_sb, "fuzz"),
                         "fuzz", HL_TYPE_INT, &arg, 1, NULL, &err)
           == HL_OK;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        where[HL_WHERE_TEXT];
    hl_error_t  err;
    hl_frame_t  frames[HL_FRAMES_MAX];

    static unsigned  count;

    if (size < FUZZ_HEAD) {
        return 0;
    }

    if (!fuzz_begin(data, size)) {
        fuzz_restore();
        return 0;
    }

    if (hl_sandbox_finish(fuzz_sb, FUZZ_LIMIT, &err) != HL_OK) {
        fuzz_touch_error(&err);
        fuzz_check(err.status != HL_ERR_SYSTEM);
        fuzz_check(hl_call_backtrace(fuzz_sb, frames) <= HL_FRAMES_MAX);
        fuzz_touch(where,
                   strlen(hl_call_where(fuzz_sb, where, sizeof(where))));
    }

    fuzz_restore();

    if (++count % FUZZ_INNOCENT == 0) {
        fuzz_check(fuzz_call("innocent", HL_TYPE_INT)->v.i32 == FUZZ_ANSWER);
        fuzz_restore();
    }

    return 0;
}
