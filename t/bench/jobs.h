/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * jobs.h: work that computes, the same C code in a guest, in a process of its
 * own (CGI) and in the process that hosts a guest.
 */

#ifndef _JOBS_H_INCLUDED_
#define _JOBS_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* SHA-256 (FIPS 180-4), hexadecimal, with a NUL. */
void jobs_sha256(const void *data, size_t len, char hex[65]);

/* Iterations in all of size x size points over [-2, 0.5] x [-1.25, 1.25]. */
uint32_t jobs_mandelbrot(unsigned size, unsigned limit);


#endif /* _JOBS_H_INCLUDED_ */
