/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_host.c: a thread's hold on KVM, its timer, and its entropy.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hl_error.h"
#include "hl_host.h"


hl_status_t
hl_host_create(hl_host_t **host, int kvm_fd, int signo, hl_error_t *err)
{
    hl_host_t  *h;

    h = calloc(1, sizeof(hl_host_t));
    if (h == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    h->platform = &hl_kvm_platform;

    if (hl_kvm_init(&h->kvm, kvm_fd, err) != HL_OK) {
        free(h);
        return err->status;
    }

    if (hl_timer_create(&h->timer, signo, err) != HL_OK) {
        hl_kvm_free(&h->kvm);
        free(h);
        return err->status;
    }

    *host = h;

    return HL_OK;
}


void
hl_host_destroy(hl_host_t *host)
{
    if (host == NULL) {
        return;
    }

    hl_timer_destroy(&host->timer);
    hl_kvm_free(&host->kvm);
    free(host);
}


void
hl_host_idle(hl_host_t *host)
{
    hl_timer_disarm(&host->timer);
}


/* Taken from the end and wiped: what a guest got is not kept here. */
hl_status_t
hl_host_entropy(hl_host_t *host, uint8_t *dst, size_t len, hl_error_t *err)
{
    ssize_t   n;
    uint8_t  *p;

    if (host->entropy_left < len) {
        do {
            n = getrandom(host->entropy, HL_ENTROPY_POOL, 0);
        } while (n == -1 && errno == EINTR);

        if (n != HL_ENTROPY_POOL) {
            host->entropy_left = 0;
            return hl_error_system(err, n == -1 ? errno : EIO,
                                   "getrandom()");
        }

        host->entropy_left = HL_ENTROPY_POOL;
    }

    host->entropy_left -= len;
    p = host->entropy + host->entropy_left;

    memcpy(dst, p, len);
    memset(p, 0, len);

    return HL_OK;
}
