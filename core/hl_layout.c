/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_layout.c: gives every region its address and its place in a slot.
 * What requests usually write lies together in the writable slot, so that
 * restoring it is a few long copies.
 */

#include <string.h>

#include "hl_error.h"
#include "hl_layout.h"
#include "hl_memory.h"
#include "hl_paging.h"


static void hl_layout_fixed(hl_layout_t *l);
static void hl_layout_dynamic(hl_layout_t *l, const hl_config_t *config);
static void hl_layout_segments(hl_layout_t *l, const hl_elf_t *elf);
static hl_status_t hl_layout_files(hl_layout_t *l, const hl_config_t *config,
    const size_t *sizes, hl_error_t *err);
static bool hl_layout_free(const hl_layout_t *l, hl_gva_t gva, size_t size);
static void hl_layout_set(hl_layout_t *l, hl_region_id_t id, hl_gva_t gva,
    size_t size, hl_slot_t slot, unsigned prot);
static void hl_layout_place(hl_layout_t *l, hl_region_id_t id);


hl_status_t
hl_layout_init(hl_layout_t *layout, const hl_elf_t *elf,
    const hl_config_t *config, const size_t *file_sizes, hl_error_t *err)
{
    size_t  i;

    static const hl_region_id_t  order[] = {
        HL_REGION_SYSTEM, HL_REGION_HYPERCALL, HL_REGION_FPU,
        HL_REGION_EXCEPTIONS, HL_REGION_STACK, HL_REGION_OUTPUT,
        HL_REGION_USER_DATA
    };

    memset(layout, 0, sizeof(hl_layout_t));

    hl_layout_fixed(layout);
    hl_layout_dynamic(layout, config);
    hl_layout_segments(layout, elf);

    if (hl_layout_files(layout, config, file_sizes, err) != HL_OK) {
        return err->status;
    }

    hl_layout_place(layout, HL_REGION_PARAMS);
    hl_layout_place(layout, HL_REGION_INPUT);
    hl_layout_place(layout, HL_REGION_REPLY);
    layout->host_size = layout->rw_size;

    layout->tables = layout->rw_size;
    layout->tables_size = hl_paging_size(layout);
    layout->rw_size += layout->tables_size;

    for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        hl_layout_place(layout, order[i]);
    }

    for (i = HL_REGION_FILE; i < layout->region_count; i++) {
        hl_layout_place(layout, (hl_region_id_t) i);
    }

    hl_layout_place(layout, HL_REGION_HEAP);

    return HL_OK;
}


/* Layouts are made zeroed, so that all of their bytes count. */
bool
hl_layout_equal(const hl_layout_t *a, const hl_layout_t *b)
{
    return memcmp(a, b, sizeof(hl_layout_t)) == 0;
}


const hl_region_t *
hl_layout_find(const hl_layout_t *layout, hl_gva_t gva)
{
    size_t              i;
    const hl_region_t  *r;

    for (i = 0; i < layout->region_count; i++) {
        r = &layout->regions[i];

        if (gva >= r->gva && gva - r->gva < r->size) {
            return r;
        }
    }

    return NULL;
}


const char *
hl_layout_name(const hl_layout_t *layout, const hl_region_t *r)
{
    size_t  i;

    static const char *const  names[HL_REGION_FILE] = {
        [HL_REGION_SYSTEM] = "supervisor page",
        [HL_REGION_EXCEPTIONS] = "supervisor page",
        [HL_REGION_HYPERCALL] = "hypercall page",
        [HL_REGION_FPU] = "FPU page",
        [HL_REGION_PARAMS] = "parameters page",
        [HL_REGION_INPUT] = "input area",
        [HL_REGION_REPLY] = "reply area",
        [HL_REGION_OUTPUT] = "output area",
        [HL_REGION_STACK] = "stack",
        [HL_REGION_HEAP] = "heap",
        [HL_REGION_USER_DATA] = "user data"
    };

    i = (size_t) (r - layout->regions);

    if (i < HL_REGION_FILE) {
        return names[i];
    }

    if (i < HL_REGION_SEGMENT) {
        return "mapped file";
    }

    return (r->prot & HL_PROT_EXEC) ? "code"
           : (r->prot & HL_PROT_WRITE) ? "data" : "read-only data";
}


static void
hl_layout_fixed(hl_layout_t *l)
{
    hl_layout_set(l, HL_REGION_SYSTEM, HL_GVA_SYSTEM, HL_PAGE_SIZE,
                  HL_SLOT_RO, HL_PROT_EXEC);
    hl_layout_set(l, HL_REGION_EXCEPTIONS, HL_GVA_EXCEPTIONS, HL_PAGE_SIZE,
                  HL_SLOT_RW, HL_PROT_WRITE);
    hl_layout_set(l, HL_REGION_HYPERCALL, HL_GVA_HYPERCALL, HL_PAGE_SIZE,
                  HL_SLOT_RO, HL_PROT_USER|HL_PROT_EXEC);
    hl_layout_set(l, HL_REGION_FPU, HL_GVA_FPU, HL_PAGE_SIZE,
                  HL_SLOT_RO, HL_PROT_USER);
    hl_layout_set(l, HL_REGION_PARAMS, HL_GVA_PARAMS, HL_PAGE_SIZE,
                  HL_SLOT_RW, HL_PROT_USER);
}


static void
hl_layout_dynamic(hl_layout_t *l, const hl_config_t *config)
{
    size_t    i, size;
    hl_gva_t  gva;

    const struct {
        hl_region_id_t  id;
        uint64_t        guard;  /* below it, besides the one page */
        uint64_t        size;
        unsigned        prot;
        hl_slot_t       slot;

    } regions[] = {

        /* a page more: a NUL follows whatever fills the input */

        { HL_REGION_INPUT, 0, config->input + HL_PAGE_SIZE, HL_PROT_USER,
          HL_SLOT_RW },

        /* room for a header's value, and for the head of the reply */

        { HL_REGION_REPLY, 0, config->headers + HL_PAGE_SIZE, HL_PROT_USER,
          HL_SLOT_RW },

        { HL_REGION_OUTPUT, 0, config->output, HL_PROT_USER|HL_PROT_WRITE,
          HL_SLOT_RW },
        { HL_REGION_STACK, HL_STACK_GUARD, config->stack,
          HL_PROT_USER|HL_PROT_WRITE, HL_SLOT_RW },
        { HL_REGION_HEAP, 0, config->heap, HL_PROT_USER|HL_PROT_WRITE,
          HL_SLOT_RW },
        { HL_REGION_USER_DATA, 0, config->init_data_size,
          HL_PROT_USER | (config->init_data_writable ? HL_PROT_WRITE : 0),
          config->init_data_writable ? HL_SLOT_RW : HL_SLOT_RO }
    };

    gva = HL_GVA_DYNAMIC;

    for (i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        size = hl_page_round(regions[i].size);
        gva += regions[i].guard;

        hl_layout_set(l, regions[i].id, gva, size, regions[i].slot,
                      regions[i].prot);

        gva += size + HL_PAGE_SIZE;
    }
}


static void
hl_layout_segments(hl_layout_t *l, const hl_elf_t *elf)
{
    size_t               i;
    unsigned             prot;
    hl_gva_t             gva;
    const hl_segment_t  *s;

    for (i = 0; i < elf->segment_count; i++) {
        s = &elf->segments[i];
        gva = hl_page_floor(s->gva);

        prot = HL_PROT_USER
               | (s->writable ? HL_PROT_WRITE : 0)
               | (s->executable ? HL_PROT_EXEC : 0);

        hl_layout_set(l, (hl_region_id_t) (HL_REGION_SEGMENT + i), gva,
                      hl_page_round(s->gva + s->mem_size) - gva,
                      s->writable ? HL_SLOT_RW : HL_SLOT_RO, prot);
    }

    l->region_count = HL_REGION_SEGMENT + elf->segment_count;
}


static hl_status_t
hl_layout_files(hl_layout_t *l, const hl_config_t *config,
    const size_t *sizes, hl_error_t *err)
{
    size_t                i, size;
    const hl_file_map_t  *f;

    for (i = 0; i < config->file_count; i++) {
        f = &config->files[i];
        size = hl_page_round(sizes[i]);

        if (f->address % HL_PAGE_SIZE != 0) {
            return hl_error_set(err, HL_ERR_ARGUMENT, "\"%s\" is mapped at "
                                "0x%llx, which is no multiple of 4096",
                                f->path, (unsigned long long) f->address);
        }

        if (f->address < HL_GVA_MIN || f->address > HL_GVA_END - size
            || !hl_layout_free(l, f->address, size))
        {
            return hl_error_set(err, HL_ERR_ARGUMENT, "\"%s\" is mapped at "
                                "0x%llx, which is taken or out of range",
                                f->path, (unsigned long long) f->address);
        }

        hl_layout_set(l, (hl_region_id_t) (HL_REGION_FILE + i), f->address,
                      size, HL_SLOT_RO,
                      HL_PROT_USER | (f->executable ? HL_PROT_EXEC : 0));
    }

    return HL_OK;
}


/* Neither in a region nor between two of them, where guard pages are. */
static bool
hl_layout_free(const hl_layout_t *l, hl_gva_t gva, size_t size)
{
    size_t              i;
    hl_gva_t            end;
    const hl_region_t  *r;

    r = &l->regions[HL_REGION_USER_DATA];
    end = r->gva + r->size + HL_PAGE_SIZE;

    if (gva < end && gva + size > HL_GVA_SYSTEM) {
        return false;
    }

    for (i = HL_REGION_FILE; i < l->region_count; i++) {
        r = &l->regions[i];

        if (gva < r->gva + r->size && r->gva < gva + size) {
            return false;
        }
    }

    return true;
}


static void
hl_layout_set(hl_layout_t *l, hl_region_id_t id, hl_gva_t gva, size_t size,
    hl_slot_t slot, unsigned prot)
{
    hl_region_t  *r;

    r = &l->regions[id];

    r->gva = gva;
    r->size = size;
    r->slot = slot;
    r->prot = prot;
}


static void
hl_layout_place(hl_layout_t *l, hl_region_id_t id)
{
    size_t       *used;
    hl_region_t  *r;

    r = &l->regions[id];
    used = r->slot == HL_SLOT_RO ? &l->ro_size : &l->rw_size;

    r->offset = *used;
    *used += r->size;
}
