/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * entry.c: the function table.
 *
 * The host gets it at the first park and names a function by its place in
 * what it got.  Since some rows cannot be published, that place is a hint:
 * the name decides.
 */

#include <string.h>

#include "hl_guest.h"


#define HL_ENTRY_ROOM  16               /* grows twofold */


static void hl_entry_append(const char *name);
static size_t hl_entry_index(const char *name);
static void hl_entry_record(const hl_entry_t *entry);


void
hl_entry_add(const hl_entry_t *entry)
{
    size_t       i;
    const char  *name;

    i = hl_entry_index(entry->name);

    if (i == hl_guest.entry_count) {
        hl_entry_append(entry->name);
    }

    name = hl_guest.entries[i].name;

    hl_guest.entries[i] = *entry;
    hl_guest.entries[i].name = name;
}


static void
hl_entry_append(const char *name)
{
    size_t  room;

    if (hl_guest.entry_count == HL_ABI_FUNCTIONS_MAX
        || strlen(name) > HL_ABI_NAME_MAX)
    {
        hl_abort_fmt(hl_ErrorCode_TooManyGuestFunctions,
                     "cannot register function %.*s: more than %d functions, "
                     "or a name of more than %d bytes", HL_ABI_NAME_MAX, name,
                     HL_ABI_FUNCTIONS_MAX, HL_ABI_NAME_MAX);
    }

    room = hl_guest.entry_room;

    if (hl_guest.entry_count == room) {
        room = room == 0 ? HL_ENTRY_ROOM : 2 * room;

        hl_guest.entries = hl_realloc(hl_guest.entries,
                                      room * sizeof(hl_entry_t));
        hl_guest.entry_room = room;
    }

    hl_guest.entries[hl_guest.entry_count++].name = hl_strdup(name);
}


const hl_entry_t *
hl_entry_find(uint32_t index, const char *name)
{
    size_t  i;

    i = index;

    if (i >= hl_guest.entry_count
        || strcmp(hl_guest.entries[i].name, name) != 0)
    {
        i = hl_entry_index(name);
    }

    return i < hl_guest.entry_count ? &hl_guest.entries[i] : NULL;
}


/* Returns entry_count if there is none of this name. */

static size_t
hl_entry_index(const char *name)
{
    size_t  i;

    for (i = 0; i < hl_guest.entry_count; i++) {

        if (strcmp(hl_guest.entries[i].name, name) == 0) {
            break;
        }
    }

    return i;
}


void
hl_entry_publish(void)
{
    size_t  i;

    for (i = 0; i < hl_guest.entry_count; i++) {

        if (hl_guest.entries[i].param_count <= HL_ABI_PARAMS_MAX) {
            hl_entry_record(&hl_guest.entries[i]);
        }
    }
}


static void
hl_entry_record(const hl_entry_t *entry)
{
    size_t              i, len;
    hl_abi_function_t  *function;

    len = strlen(entry->name);

    function = hl_record_add(HL_REC_FUNCTION,
                             sizeof(hl_abi_function_t) + len);

    memset(function, 0, sizeof(hl_abi_function_t));

    function->kind = (uint8_t) entry->kind;
    function->result = (uint8_t) entry->result;
    function->param_count = (uint8_t) entry->param_count;
    function->name_len = (uint16_t) len;

    for (i = 0; i < entry->param_count; i++) {
        function->params[i] = (uint8_t) hl_type_to_abi(entry->params[i]);
    }

    memcpy(function + 1, entry->name, len);
}
