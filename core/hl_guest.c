/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_guest.c: reads a guest's file once, into a sealed memfd, so that what
 * was validated is what will run, in every process that inherits it.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hl_error.h"
#include "hl_guest.h"
#include "hl_memory.h"


static hl_guest_t *hl_guest_create(const char *name, size_t size,
    hl_error_t *err);
static hl_status_t hl_guest_ready(hl_guest_t *guest, hl_error_t *err);


hl_status_t
hl_guest_open(hl_guest_t **guest, const char *path, hl_error_t *err)
{
    int          file;
    size_t       size;
    hl_guest_t  *g;

    if (hl_file_open(&file, &size, path, "GuestBinary", err) != HL_OK) {
        return err->status;
    }

    g = hl_guest_create(path, size, err);

    if (g != NULL
        && hl_memfd_copy(g->fd, 0, file, size, path, err) == HL_OK)
    {
        err->status = hl_guest_ready(g, err);
    }

    (void) close(file);

    if (err->status != HL_OK) {
        hl_guest_destroy(g);
        return err->status;
    }

    *guest = g;

    return HL_OK;
}


hl_status_t
hl_guest_from_buffer(hl_guest_t **guest, const void *data, size_t size,
    const char *name, hl_error_t *err)
{
    hl_guest_t  *g;

    if (size == 0 || size > HL_FILE_MAX) {
        return hl_error_set(err, HL_ERR_GUEST_FILE, "\"%s\" is %s", name,
                            size == 0 ? "empty" : "over 256 MiB");
    }

    g = hl_guest_create(name, size, err);
    if (g == NULL) {
        return err->status;
    }

    if (hl_memfd_write(g->fd, data, size, 0, err) != HL_OK
        || hl_guest_ready(g, err) != HL_OK)
    {
        hl_guest_destroy(g);
        return err->status;
    }

    *guest = g;

    return HL_OK;
}


void
hl_guest_destroy(hl_guest_t *guest)
{
    if (guest == NULL) {
        return;
    }

    if (guest->data != NULL) {
        (void) munmap((void *) (uintptr_t) guest->data, guest->size);
    }

    if (guest->fd != -1) {
        (void) close(guest->fd);
    }

    hl_symbols_release(guest->symbols);
    free(guest->name);
    free(guest);
}


static hl_guest_t *
hl_guest_create(const char *name, size_t size, hl_error_t *err)
{
    hl_guest_t  *g;

    g = calloc(1, sizeof(hl_guest_t));
    if (g == NULL) {
        (void) hl_error_system(err, ENOMEM, "calloc()");
        return NULL;
    }

    g->fd = -1;
    g->size = size;
    g->name = strdup(name);

    if (g->name == NULL) {
        (void) hl_error_system(err, ENOMEM, "strdup()");
        hl_guest_destroy(g);
        return NULL;
    }

    if (hl_memfd_create(&g->fd, "hl-guest", size, err) != HL_OK) {
        hl_guest_destroy(g);
        return NULL;
    }

    return g;
}


static hl_status_t
hl_guest_ready(hl_guest_t *guest, hl_error_t *err)
{
    void  *p;

    if (hl_memfd_seal(guest->fd, err) != HL_OK) {
        return err->status;
    }

    p = mmap(NULL, guest->size, PROT_READ, MAP_PRIVATE, guest->fd, 0);
    if (p == MAP_FAILED) {
        return hl_error_system(err, errno, "mmap() of a guest file");
    }

    guest->data = p;

    if (hl_elf_parse(&guest->elf, guest->data, guest->size, guest->name, err)
        != HL_OK)
    {
        return err->status;
    }

    return hl_symbols_read(&guest->symbols, &guest->elf, guest->data,
                           guest->size, guest->name, err);
}
