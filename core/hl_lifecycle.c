/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_lifecycle.c: a sandbox's life but for its calls: create, evolve, from a
 * snapshot, destroy.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hl_check.h"
#include "hl_error.h"
#include "hl_memory.h"
#include "hl_sandbox.h"


static void hl_sandbox_bind(hl_sandbox_t *sb, const hl_config_t *config);
static hl_sandbox_t *hl_sandbox_alloc(hl_host_t *host, hl_image_t *image,
    int fd, hl_error_t *err);


hl_status_t
hl_sandbox_create(hl_sandbox_t **sb, hl_host_t *host,
    const hl_guest_t *guest, const hl_config_t *config, hl_error_t *err)
{
    hl_image_t    *image;
    hl_sandbox_t  *s;

    if (hl_image_create(&image, guest, config, err) != HL_OK) {
        return err->status;
    }

    s = hl_sandbox_alloc(host, image, -1, err);

    if (s != NULL) {
        hl_image_populate(image, guest, config, s->rw);
        hl_sandbox_bind(s, config);
        s->entry = image->entry;
        hl_sandbox_publish(s);
        *sb = s;
    }

    hl_image_release(image);

    return s != NULL ? HL_OK : err->status;
}


static void
hl_sandbox_bind(hl_sandbox_t *sb, const hl_config_t *config)
{
    sb->bindings.functions = config->functions;
    sb->bindings.function_count = config->function_count;
    sb->bindings.raw_functions = config->raw_functions;
    sb->bindings.raw_function_count = config->raw_function_count;
    sb->bindings.services = config->services;
    sb->bindings.sink = config->sink;
    sb->bindings.log_level = config->log_level;
    sb->bindings.check_restore = config->check_restore;
}


hl_status_t
hl_sandbox_evolve(hl_sandbox_t *sb, uint64_t timeout_ns, hl_error_t *err)
{
    hl_stop_t   stop;
    hl_error_t  why;

    if (sb->state != HL_SANDBOX_NEW) {
        return hl_sandbox_refuse(sb, "the sandbox has evolved already", err);
    }

    sb->functions = hl_functions_create();
    if (sb->functions == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    sb->state = HL_SANDBOX_UNRECOVERABLE;

    if (sb->host->platform->create(&sb->vm, sb->host, sb->image, sb->rw, err)
        != HL_OK)
    {
        return err->status;
    }

    if (hl_host_entropy(sb->host, hl_sandbox_params(sb)->entropy,
                        HL_ABI_ENTROPY, err)
        != HL_OK)
    {
        return err->status;
    }

    sb->phase = HL_PHASE_INIT;
    hl_interrupt_clear(sb->interrupt);
    stop = hl_run(sb, hl_deadline(timeout_ns), &why);

    if (stop == HL_STOP_SLICE) {
        (void) hl_error_set(&why, HL_ERR_TIMEOUT, "it took longer than "
                            "%llu ms",
                            (unsigned long long) timeout_ns / 1000000);
        hl_where_append(sb, &why);
    }

    if (stop == HL_STOP_FAILED && why.status == HL_ERR_SYSTEM) {

        /* the host's want of memory: it may be over the next time */

        *err = why;
        return err->status;
    }

    if (stop != HL_STOP_DONE) {
        (void) hl_error_set(err, HL_ERR_INIT, "the guest's initialisation "
                            "failed: %.470s", why.text);
        err->guest_code = why.guest_code;
        return err->status;
    }

    hl_sandbox_publish(sb);
    sb->state = HL_SANDBOX_READY;

    return HL_OK;
}


hl_status_t
hl_sandbox_from_snapshot(hl_sandbox_t **sb, hl_host_t *host,
    hl_snapshot_t *snapshot, hl_error_t *err)
{
    bool           rebuilt;
    hl_sandbox_t  *s;

    s = hl_sandbox_alloc(host, snapshot->image, snapshot->fd, err);
    if (s == NULL) {
        return err->status;
    }

    s->base = hl_snapshot_hold(snapshot);
    s->functions = hl_functions_hold(snapshot->functions);
    s->entry = snapshot->entry;
    s->handler = snapshot->handler;
    s->bindings = snapshot->bindings;

    hl_sandbox_publish(s);

    if (host->platform->create(&s->vm, host, s->image, s->rw, err) != HL_OK
        || host->platform->reset(s->vm, snapshot->state, &rebuilt, err)
           != HL_OK
        || (s->bindings.check_restore
            && hl_check_restored(s, snapshot, err) != HL_OK))
    {
        hl_sandbox_destroy(s);
        return err->status;
    }

    s->state = HL_SANDBOX_READY;
    s->clean = true;
    *sb = s;

    return HL_OK;
}


void
hl_sandbox_destroy(hl_sandbox_t *sb)
{
    if (sb == NULL) {
        return;
    }

    hl_interrupt_drop(sb->interrupt);

    if (sb->vm != NULL) {
        sb->host->platform->destroy(sb->vm);
    }

    hl_unmap(sb->rw, sb->image->layout.rw_size);
    hl_functions_release(sb->functions);
    hl_snapshot_release(sb->base);
    hl_image_release(sb->image);

    free(sb->log);
    free(sb->last);
    free(sb->touched);
    free(sb);
}


/* With the writable slot mapped from "fd", or of zeroes (-1). */
static hl_sandbox_t *
hl_sandbox_alloc(hl_host_t *host, hl_image_t *image, int fd, hl_error_t *err)
{
    hl_sandbox_t  *s;

    s = calloc(1, sizeof(hl_sandbox_t));
    if (s == NULL) {
        (void) hl_error_system(err, ENOMEM, "calloc()");
        return NULL;
    }

    s->host = host;
    s->image = hl_image_hold(image);
    s->state = HL_SANDBOX_NEW;

    s->log_words = ((image->layout.rw_size >> HL_PAGE_SHIFT) + 63) / 64;
    s->log = calloc(s->log_words, sizeof(uint64_t));
    s->last = calloc(s->log_words, sizeof(uint64_t));
    s->touched = calloc(s->log_words, sizeof(uint64_t));

    if (s->log == NULL || s->last == NULL || s->touched == NULL) {
        (void) hl_error_system(err, ENOMEM, "calloc()");
        hl_sandbox_destroy(s);
        return NULL;
    }

    if (hl_map(&s->rw, image->layout.rw_size, fd, HL_MAP_WRITE, err)
        != HL_OK)
    {
        hl_sandbox_destroy(s);
        return NULL;
    }

    return s;
}
