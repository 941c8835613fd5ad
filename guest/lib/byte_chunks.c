/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * byte_chunks.c: a host's answer as chunks: VecBytes, in one of them.
 */

#include <stdlib.h>
#include <string.h>

#include "hl_guest.h"


typedef struct {
    hl_ByteChunks  chunks;
    hl_ByteChunk   chunk;
    hl_Vec        *vec;
} hl_one_chunk_t;


hl_ByteChunks *
hl_get_host_return_value_as_ByteChunks(void)
{
    hl_Vec          *vec;
    hl_one_chunk_t  *one;

    vec = hl_get_host_return_value_as_VecBytes();

    one = hl_alloc(sizeof(hl_one_chunk_t));
    one->vec = vec;
    one->chunk.data = vec->data;
    one->chunk.len = vec->len;
    one->chunks.chunks = &one->chunk;
    one->chunks.count = 1;

    return &one->chunks;
}


void
hl_free_byte_chunks(hl_ByteChunks *value)
{
    if (value != NULL) {
        free(((hl_one_chunk_t *) (void *) value)->vec);
        free(value);
    }
}
