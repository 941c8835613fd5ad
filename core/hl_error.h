/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_error.h: helpers around the error record of hyperlight.h.
 */

#ifndef _HL_ERROR_H_INCLUDED_
#define _HL_ERROR_H_INCLUDED_


#include "hyperlight.h"


/* HL_ERR_SYSTEM with the text "what: strerror(errnum)". */
hl_status_t hl_error_system(hl_error_t *err, int errnum, const char *what);

/* HL_ERR_SYSTEM of an ioctl: its result was -1, errno says why; or it was
 * another one that makes no sense. */
hl_status_t hl_error_ioctl(hl_error_t *err, int result, const char *name);

/* Of a hl_ErrorCode of the SDK; a number, put into "buf", of others. */
const char *hl_guest_code_name(uint32_t code, char *buf, size_t size);


#endif /* _HL_ERROR_H_INCLUDED_ */
