/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * conformance.h: the conformance guest.  Each file registers its own.
 */

#ifndef _CONFORMANCE_H_INCLUDED_
#define _CONFORMANCE_H_INCLUDED_


#include "hl_guest.h"


void conformance_exception_register(void);
void conformance_register_register(void);
void conformance_round_register(void);


#endif /* _CONFORMANCE_H_INCLUDED_ */
