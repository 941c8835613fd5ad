/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fuzz_elf.c: a guest's file.
 *
 * The parser gets a copy that ends where memory ends: AddressSanitizer sees
 * each byte that core reads behind it, and the guard page those that libelf
 * reads, which is not instrumented.  What was accepted goes through all that
 * follows without a VM: layout, page tables, segments and relocations, names
 * of functions; now and then through the memfds of the real way.
 *
 *     input   the file
 */

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fuzz.h"
#include "hl_memory.h"
#include "hl_symbols.h"


#define FUZZ_FILE_MAX   (64u << 10)
#define FUZZ_IMAGE_MAX  (256u << 10)
#define FUZZ_REAL       256             /* of as many, one on the real way */


static void
fuzz_populate(const hl_guest_t *guest, const hl_config_t *config)
{
    uint8_t            *rw;
    size_t              sizes[1];
    hl_error_t          err;
    hl_image_t          image;
    const hl_region_t  *r;

    memset(&image, 0, sizeof(image));

    fuzz_check(hl_layout_init(&image.layout, &guest->elf, config, sizes,
                              &err)
               == HL_OK);

    r = hl_layout_find(&image.layout, guest->elf.entry);
    fuzz_check(r != NULL && (r->prot & HL_PROT_EXEC)
               && !(r->prot & HL_PROT_WRITE));

    if (image.layout.rw_size > FUZZ_IMAGE_MAX) {
        return;
    }

    rw = calloc(1, image.layout.rw_size);
    fuzz_check(rw != NULL);

    hl_image_populate(&image, guest, config, rw);
    hl_image_params(&image, rw);
    free(rw);
}


/* The names are for logs: printable, and found again by their addresses. */
static void
fuzz_symbols(const hl_guest_t *guest)
{
    size_t               i, j;
    hl_error_t           err;
    const char          *name;
    hl_symbols_t        *symbols;
    const hl_symbol_t   *row;

    fuzz_check(hl_symbols_read(&symbols, &guest->elf, guest->data,
                               guest->size, "folder/fuzz", &err)
               == HL_OK);
    fuzz_check(symbols->count <= HL_SYMBOLS_MAX);

    for (i = 0; i < symbols->count; i++) {
        row = &symbols->rows[i];
        name = symbols->names + row->name;

        fuzz_check(hl_symbols_find(symbols, row->address) == row
                   || row->size == 0);
        fuzz_check(strlen(name) > 0 && strlen(name) < HL_SYMBOL_TEXT);

        for (j = 0; name[j] != '\0'; j++) {
            fuzz_check(name[j] > ' ' && name[j] <= '~' && name[j] != ',');
        }
    }

    (void) hl_symbols_find(symbols, guest->elf.entry);
    (void) hl_symbols_find(symbols, UINT64_MAX);

    hl_symbols_release(symbols);
}


static void
fuzz_real(const uint8_t *data, size_t size, const hl_config_t *config)
{
    hl_error_t   err;
    hl_guest_t  *guest;
    hl_image_t  *image;

    fuzz_check(hl_guest_from_buffer(&guest, data, size, "fuzz", &err)
               == HL_OK);

    if (hl_image_create(&image, guest, config, &err) == HL_OK) {
        hl_image_release(image);

    } else {
        fuzz_touch_error(&err);
    }

    hl_guest_destroy(guest);
}


/* Aligned to 8, as libelf wants it; good until the next call. */
static const uint8_t *
fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t  *copy;

    static uint8_t  *area;

    if (area == NULL) {
        area = mmap(NULL, FUZZ_FILE_MAX + HL_PAGE_SIZE, PROT_READ|PROT_WRITE,
                    MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);
        fuzz_check(area != MAP_FAILED);
        fuzz_check(mprotect(area + FUZZ_FILE_MAX, HL_PAGE_SIZE, PROT_NONE)
                   == 0);
    }

    copy = area + FUZZ_FILE_MAX - hl_abi_padded(size);

    ASAN_POISON_MEMORY_REGION(area, FUZZ_FILE_MAX);
    ASAN_UNPOISON_MEMORY_REGION(copy, size);
    memcpy(copy, data, size);

    return copy;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hl_error_t    err;
    hl_guest_t    guest;
    hl_config_t   config;

    static unsigned  count;

    if (size == 0 || size > FUZZ_FILE_MAX) {
        return 0;
    }

    hl_config_init(&config);
    config.heap = HL_PAGE_SIZE;
    config.stack = 2 * HL_PAGE_SIZE;
    config.headers = HL_PAGE_SIZE;
    config.input = 2 * HL_PAGE_SIZE;
    config.output = 2 * HL_PAGE_SIZE;

    memset(&guest, 0, sizeof(guest));
    guest.data = fuzz_copy(data, size);
    guest.size = size;

    if (hl_elf_parse(&guest.elf, guest.data, size, "fuzz", &err) == HL_OK) {
        fuzz_populate(&guest, &config);
        fuzz_symbols(&guest);

        if (++count % FUZZ_REAL == 0) {
            fuzz_real(data, size, &config);
        }

    } else {
        fuzz_touch_error(&err);
    }

    return 0;
}
