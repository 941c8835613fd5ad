/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_image.h: a guest laid out in memory; its read-only slot, which all its
 * sandboxes share.
 */

#ifndef _HL_IMAGE_H_INCLUDED_
#define _HL_IMAGE_H_INCLUDED_


#include "hl_guest.h"
#include "hl_layout.h"


typedef struct {
    unsigned      refs;
    hl_layout_t   layout;
    hl_symbols_t *symbols;      /* the guest's */
    size_t        input;        /* sizes, as configured, in whole pages */
    size_t        headers;
    size_t        user_data;    /* in bytes */
    bool          clock;
    uint32_t      denied;       /* HL_ABI_DENY_... */
    hl_gva_t      entry;        /* of the ELF file */
    uint8_t      *ro;           /* layout.ro_size bytes, read-only */
    uint64_t      sum;          /* of these, with check_restore, or 0 */
} hl_image_t;


/* Made with one hold, which is the caller's. */
hl_status_t hl_image_create(hl_image_t **image, const hl_guest_t *guest,
    const hl_config_t *config, hl_error_t *err);

hl_image_t *hl_image_hold(hl_image_t *image);
void hl_image_release(hl_image_t *image);

/*
 * Fills a zeroed writable slot with what is in it before the guest ran: page
 * tables, the guest's data, relocated, writable init_data.
 */
void hl_image_populate(const hl_image_t *image, const hl_guest_t *guest,
    const hl_config_t *config, uint8_t *rw);

/* Of the read-only slot as it is now; no two pages add up to the same by
 * chance. */
uint64_t hl_image_sum(const hl_image_t *image);

/* The part of the parameters page that is fixed; the rest of it is 0. */
void hl_image_params(const hl_image_t *image, uint8_t *rw);


#endif /* _HL_IMAGE_H_INCLUDED_ */
