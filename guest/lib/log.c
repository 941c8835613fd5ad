/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * log.c: hl_log().
 */

#include <string.h>

#include "hl_guest.h"


void
hl_log(hl_Level level, const char *message, int32_t line, const char *file)
{
    size_t         message_len, file_len, max;
    uint8_t       *text;
    uint32_t       wire;
    hl_abi_log_t  *log;

    if (level < hl_Level_Error || level > hl_Level_Trace) {
        return;
    }

    /* Error is 1 here and 4 there, Trace is 5 here and 0 there. */
    wire = (uint32_t) (hl_Level_Trace - level) + HL_LOG_TRACE;

    if (wire < hl_guest.params->log_level) {
        return;
    }

    message_len = message != NULL ? strlen(message) : 0;
    file_len = file != NULL ? strlen(file) : 0;

    max = hl_record_max() - sizeof(hl_abi_log_t);

    if (file_len > max) {
        file_len = max;
    }

    if (message_len > max - file_len) {
        message_len = max - file_len;
    }

    log = hl_record_add(HL_REC_LOG,
                        sizeof(hl_abi_log_t) + file_len + message_len);
    log->level = wire;
    log->line = (uint32_t) line;
    log->source_len = (uint32_t) file_len;
    log->message_len = (uint32_t) message_len;

    text = (uint8_t *) (log + 1);

    if (file_len > 0) {
        memcpy(text, file, file_len);
    }

    if (message_len > 0) {
        memcpy(text + file_len, message, message_len);
    }
}
