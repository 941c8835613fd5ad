/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * area.h: an output area without a VM.  Tests write it as a guest would and
 * hand it to hl_output_take().  The area ends where a guard page begins, so
 * that reading past it is seen.
 */

#ifndef _AREA_H_INCLUDED_
#define _AREA_H_INCLUDED_


#include "test.h"


#define AREA_REPLY   8192u
#define AREA_OUTPUT  8192u
#define AREA_ROOM    (AREA_OUTPUT - sizeof(hl_abi_output_t))

/* No record type: it takes whatever bytes are there. */
#define HUGE         0xffffffffu


extern hl_sandbox_t  area;              /* as much of one as is read */
extern hl_image_t    image;             /* its layout */
extern size_t        used;              /* of the area, its head not */


int area_begin(void **state);
int area_end(void **state);

#define test_area(f)                                                          \
    cmocka_unit_test_setup_teardown(f, area_begin, area_end)


/* ---- a guest's list ---------------------------------------------------- */

/* Appends bytes, without any order. */
void put(const void *bytes, size_t len);

void put_padding(void);

/* The head says "size", whatever follows. */
void put_head(uint32_t type, uint32_t size);

/* A record of two parts with its true size. */
void put_record(uint32_t type, const void *a, size_t a_len, const void *b,
    size_t b_len);

void put_value(uint32_t type, uint32_t len, uint64_t bits, const void *bytes,
    size_t bytes_len);
void put_call(const char *name, uint32_t name_len, uint32_t result,
    uint32_t params);

/* "f", from Int to Int, of the function table. */
extern hl_abi_function_t  row;

void row_begin(void);


/* ---- the host's part --------------------------------------------------- */

/*
 * There are three host functions: Repeat(String, Int) gives its text back,
 * Refuse() an error, and Large(Int) as many bytes as were asked for.
 */
extern unsigned  function_calls;        /* of any of them */

hl_status_t take_size(hl_phase_t phase, uint32_t hypercall, uint64_t size);
hl_status_t take(hl_phase_t phase, uint32_t hypercall);

/* At the park of a typed call, of an HTTP call. */
#define take_typed()  take(HL_PHASE_TYPED, HL_HYPERCALL_PARK)
#define take_http()   take(HL_PHASE_HTTP, HL_HYPERCALL_PARK)

#define assert_malformed(status)                                              \
    assert_status(status, HL_ERR_OUTPUT)


#endif /* _AREA_H_INCLUDED_ */
