/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_image.c: builds the read-only slot into a sealed memfd, and the first
 * content of the writable slot.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hl_entry.h"
#include "hl_error.h"
#include "hl_image.h"
#include "hl_memory.h"
#include "hl_paging.h"


/* FNV's, of 64 bits. */
#define HL_IMAGE_PRIME  0x100000001b3ull


/* config->files, open. */
typedef struct {
    size_t  count;
    int     fds[HL_FILES_MAX];
    size_t  sizes[HL_FILES_MAX];
} hl_image_files_t;


static hl_status_t hl_image_open_files(hl_image_files_t *files,
    const hl_config_t *config, hl_error_t *err);
static void hl_image_close_files(hl_image_files_t *files);
static hl_status_t hl_image_read_only(hl_image_t *image,
    const hl_guest_t *guest, const hl_config_t *config,
    const hl_image_files_t *files, hl_error_t *err);
static hl_status_t hl_image_write_pages(const hl_image_t *image, int fd,
    hl_error_t *err);
static hl_status_t hl_image_write_segments(const hl_image_t *image, int fd,
    const hl_guest_t *guest, hl_error_t *err);
static hl_status_t hl_image_write_data(const hl_image_t *image, int fd,
    const hl_config_t *config, const hl_image_files_t *files,
    hl_error_t *err);
static hl_status_t hl_image_write_page(const hl_image_t *image, int fd,
    hl_region_id_t id, void (*fill)(uint8_t *page), hl_error_t *err);


hl_status_t
hl_image_create(hl_image_t **image, const hl_guest_t *guest,
    const hl_config_t *config, hl_error_t *err)
{
    hl_image_t        *im;
    hl_image_files_t   files;

    if (hl_config_check(config, err) != HL_OK) {
        return err->status;
    }

    im = calloc(1, sizeof(hl_image_t));
    if (im == NULL) {
        return hl_error_system(err, ENOMEM, "calloc()");
    }

    im->refs = 1;
    im->entry = guest->elf.entry;
    im->symbols = hl_symbols_hold(guest->symbols);
    im->input = hl_page_round(config->input);
    im->headers = hl_page_round(config->headers);
    im->user_data = config->init_data_size;
    im->clock = config->clock;
    im->denied = config->denied;

    if (hl_image_open_files(&files, config, err) == HL_OK
        && hl_layout_init(&im->layout, &guest->elf, config, files.sizes, err)
           == HL_OK)
    {
        err->status = hl_image_read_only(im, guest, config, &files, err);
    }

    hl_image_close_files(&files);

    if (err->status != HL_OK) {
        hl_image_release(im);
        return err->status;
    }

    if (config->check_restore) {
        im->sum = hl_image_sum(im);
    }

    *image = im;

    return HL_OK;
}


hl_status_t
hl_guest_memory(const hl_guest_t *guest, const hl_config_t *config,
    size_t *memory, size_t *shared, hl_error_t *err)
{
    hl_layout_t        layout;
    hl_image_files_t   files;

    if (hl_image_open_files(&files, config, err) == HL_OK
        && hl_layout_init(&layout, &guest->elf, config, files.sizes, err)
           == HL_OK)
    {
        *memory = layout.rw_size;
        *shared = layout.ro_size;
        err->status = HL_OK;
    }

    hl_image_close_files(&files);

    return err->status;
}


hl_image_t *
hl_image_hold(hl_image_t *image)
{
    image->refs++;

    return image;
}


void
hl_image_release(hl_image_t *image)
{
    if (--image->refs == 0) {
        hl_symbols_release(image->symbols);
        hl_unmap(image->ro, image->layout.ro_size);
        free(image);
    }
}


/* Four sums, so that one multiplication does not wait for another. */
uint64_t
hl_image_sum(const hl_image_t *image)
{
    size_t    i, j;
    uint64_t  sum[4], word;

    memset(sum, 0, sizeof(sum));

    for (i = 0; i < image->layout.ro_size; i += sizeof(sum)) {
        for (j = 0; j < 4; j++) {
            memcpy(&word, image->ro + i + j * sizeof(word), sizeof(word));
            sum[j] = (sum[j] ^ word) * HL_IMAGE_PRIME;
        }
    }

    return sum[0] ^ sum[1] << 1 ^ sum[2] << 2 ^ sum[3] << 3;
}


void
hl_image_populate(const hl_image_t *image, const hl_guest_t *guest,
    const hl_config_t *config, uint8_t *rw)
{
    size_t               i;
    uint8_t             *p;
    uint64_t             n, gva, value;
    const hl_elf_t      *elf;
    const hl_region_t   *r;
    const hl_segment_t  *s;

    elf = &guest->elf;

    hl_paging_build(rw + image->layout.tables, &image->layout);

    for (i = 0; i < elf->segment_count; i++) {
        s = &elf->segments[i];
        r = &image->layout.regions[HL_REGION_SEGMENT + i];

        if (s->writable) {
            p = rw + r->offset + (s->gva - r->gva);
            memcpy(p, guest->data + s->offset, s->file_size);
        }
    }

    for (n = 0; n < elf->rela_count; n++) {
        hl_elf_relocation(elf, guest->data, n, &gva, &value);

        r = hl_layout_find(&image->layout, gva);
        memcpy(rw + r->offset + (gva - r->gva), &value, sizeof(value));
    }

    r = &image->layout.regions[HL_REGION_USER_DATA];

    if (r->slot == HL_SLOT_RW && config->init_data_size > 0) {
        memcpy(rw + r->offset, config->init_data, config->init_data_size);
    }
}


void
hl_image_params(const hl_image_t *image, uint8_t *rw)
{
    hl_abi_params_t     params;
    const hl_region_t  *r;

    memset(&params, 0, sizeof(params));

    r = image->layout.regions;

    params.magic = HL_ABI_MAGIC;
    params.version = HL_ABI_VERSION;
    params.park = HL_GVA_PARK;
    params.leave = HL_GVA_LEAVE;
    params.stack_bottom = r[HL_REGION_STACK].gva;
    params.stack_top = r[HL_REGION_STACK].gva + r[HL_REGION_STACK].size;
    params.heap = r[HL_REGION_HEAP].gva;
    params.heap_size = r[HL_REGION_HEAP].size;
    params.input = r[HL_REGION_INPUT].gva;
    params.input_size = r[HL_REGION_INPUT].size;
    params.reply = r[HL_REGION_REPLY].gva;
    params.reply_size = r[HL_REGION_REPLY].size;
    params.output = r[HL_REGION_OUTPUT].gva;
    params.output_size = r[HL_REGION_OUTPUT].size;
    params.flags = image->clock ? HL_ABI_CLOCK : 0;
    params.denied = image->denied;

    if (image->user_data > 0) {
        params.user_data = r[HL_REGION_USER_DATA].gva;
        params.user_data_size = image->user_data;
    }

    memcpy(rw + r[HL_REGION_PARAMS].offset, &params, sizeof(params));
}


static hl_status_t
hl_image_open_files(hl_image_files_t *files, const hl_config_t *config,
    hl_error_t *err)
{
    size_t  i;

    files->count = 0;

    for (i = 0; i < config->file_count; i++) {
        if (hl_file_open(&files->fds[i], &files->sizes[i],
                         config->files[i].path, "File", err)
            != HL_OK)
        {
            return err->status;
        }

        files->count++;
    }

    return HL_OK;
}


static void
hl_image_close_files(hl_image_files_t *files)
{
    size_t  i;

    for (i = 0; i < files->count; i++) {
        (void) close(files->fds[i]);
    }
}


static hl_status_t
hl_image_read_only(hl_image_t *image, const hl_guest_t *guest,
    const hl_config_t *config, const hl_image_files_t *files,
    hl_error_t *err)
{
    int          fd;
    hl_status_t  status;

    if (hl_memfd_create(&fd, "hl-image", image->layout.ro_size, err)
        != HL_OK)
    {
        return err->status;
    }

    status = hl_image_write_pages(image, fd, err);

    if (status == HL_OK) {
        status = hl_image_write_segments(image, fd, guest, err);
    }

    if (status == HL_OK) {
        status = hl_image_write_data(image, fd, config, files, err);
    }

    if (status == HL_OK) {
        status = hl_memfd_seal(fd, err);
    }

    if (status == HL_OK) {
        status = hl_map(&image->ro, image->layout.ro_size, fd, HL_MAP_READ,
                        err);
    }

    (void) close(fd);

    return status;
}


static hl_status_t
hl_image_write_pages(const hl_image_t *image, int fd, hl_error_t *err)
{
    if (hl_image_write_page(image, fd, HL_REGION_SYSTEM,
                            hl_entry_system_page, err) != HL_OK
        || hl_image_write_page(image, fd, HL_REGION_HYPERCALL,
                               hl_entry_hypercall_page, err) != HL_OK)
    {
        return err->status;
    }

    return hl_image_write_page(image, fd, HL_REGION_FPU, hl_entry_fpu_page,
                               err);
}


static hl_status_t
hl_image_write_segments(const hl_image_t *image, int fd,
    const hl_guest_t *guest, hl_error_t *err)
{
    size_t               i;
    const hl_region_t   *r;
    const hl_segment_t  *s;

    for (i = 0; i < guest->elf.segment_count; i++) {
        s = &guest->elf.segments[i];
        r = &image->layout.regions[HL_REGION_SEGMENT + i];

        if (!s->writable
            && hl_memfd_write(fd, guest->data + s->offset, s->file_size,
                              r->offset + (s->gva - r->gva), err)
               != HL_OK)
        {
            return err->status;
        }
    }

    return HL_OK;
}


static hl_status_t
hl_image_write_data(const hl_image_t *image, int fd,
    const hl_config_t *config, const hl_image_files_t *files,
    hl_error_t *err)
{
    size_t              i;
    const hl_region_t  *r;

    r = &image->layout.regions[HL_REGION_USER_DATA];

    if (r->slot == HL_SLOT_RO
        && hl_memfd_write(fd, config->init_data, config->init_data_size,
                          r->offset, err)
           != HL_OK)
    {
        return err->status;
    }

    for (i = 0; i < files->count; i++) {
        r = &image->layout.regions[HL_REGION_FILE + i];

        if (hl_memfd_copy(fd, r->offset, files->fds[i], files->sizes[i],
                          config->files[i].path, err)
            != HL_OK)
        {
            return err->status;
        }
    }

    return HL_OK;
}


static hl_status_t
hl_image_write_page(const hl_image_t *image, int fd, hl_region_id_t id,
    void (*fill)(uint8_t *page), hl_error_t *err)
{
    uint8_t  page[HL_PAGE_SIZE] __attribute__((aligned(8)));

    memset(page, 0, sizeof(page));
    fill(page);

    return hl_memfd_write(fd, page, sizeof(page),
                          image->layout.regions[id].offset, err);
}
