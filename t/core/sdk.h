/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * sdk.h: the guests of guest/testguests/sdk/, and the host functions that they
 * call.
 */

#ifndef _SDK_H_INCLUDED_
#define _SDK_H_INCLUDED_


#include "test.h"


#define SDK(name)  "testguests/sdk/" name ".elf"


/* Calls of Tick(), which increments this counter. */
extern uint64_t       sdk_ticks;
extern hl_counter_t  *sdk_counter;


/* With these host functions, and test_sink. */
void sdk_config(hl_config_t *config);

/* test_open(); a "config" of NULL is sdk_config()'s. */
void sdk_open(const char *name, const hl_config_t *config);

/* test_restore(), and nothing is seen yet. */
void sdk_restore(void);


#endif /* _SDK_H_INCLUDED_ */
