/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * probe.h: the test guest: one function for each thing a test wants a guest
 * to do, proper or not.  Each file registers its own.
 */

#ifndef _PROBE_H_INCLUDED_
#define _PROBE_H_INCLUDED_


#include "hl_guest.h"
#include "hyperlight_http.h"


/* Keeps a function's frame and its calls what the source says they are. */
#define probe_noinline  __attribute__((noinline))


void probe_echo_register(void);         /* echo.c: values in and out */
void probe_host_register(void);         /* host.c: log, print, host calls */
void probe_state_register(void);        /* state.c: what calls leave behind */
void probe_secret_register(void);       /* secret.c: A/B/C secrets test */
void probe_fault_register(void);        /* fault.c: ways to crash */
void probe_exit_register(void);         /* exit.c: ways to leave wrongly */
void probe_output_register(void);       /* output.c: malformed output */
void probe_http_register(void);         /* http.c: HTTP handlers */

/* fault.c: fails as "how" says; comes back only if it does not know how. */
void probe_fault(const char *how);

/* secret.c: bit masks of PROBE_SECRET_... */
uint32_t probe_secret_set(void);
uint32_t probe_secret_find(void);


#endif /* _PROBE_H_INCLUDED_ */
