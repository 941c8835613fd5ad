/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fuzz.h: what the fuzz targets share.  A target is a file fuzz_NAME.c with
 * LLVMFuzzerTestOneInput(); libFuzzer has the main().
 *
 * A target ends with fuzz_check() what must hold whatever the input is, and
 * reads with fuzz_touch() each byte that an embedder would be handed, so that
 * AddressSanitizer sees whether all of it is there.
 */

#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hl_sandbox.h"


/* libFuzzer's interface. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define fuzz_check(condition)                                                 \
    ((condition) ? (void) 0 : fuzz_fail(#condition, __FILE__, __LINE__))

void fuzz_fail(const char *what, const char *file, int line)
    __attribute__((noreturn));

void fuzz_touch(const void *data, size_t len);

/* An error record is terminated, printable, and of a code that there is. */
void fuzz_touch_error(const hl_error_t *err);


/* Host functions, services and a sink that touch all they get. */
void fuzz_config(hl_config_t *config);


/* ---- a sandbox without a VM -------------------------------------------- */

/*
 * Calling, with an output area that holds "len" bytes and ends where its
 * allocation ends, and fuzz_config()'s functions.  "flags" are of the input:
 * what of the sink and the services is not there, the log level.
 */
hl_sandbox_t *fuzz_sandbox(const void *output, size_t len, hl_phase_t phase,
    unsigned flags);
void fuzz_sandbox_free(hl_sandbox_t *sb);

/* What the host left for the guest is whole, as the guest will read it. */
void fuzz_check_reply(const hl_sandbox_t *sb);


#endif /* _FUZZ_H_INCLUDED_ */
