/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * memory.c: a guest that survives running out of memory.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hyperlight_guest.h>


/*
 * Compilers know malloc() well: they leave it out where they can, and believe
 * that it changes no variable.
 */
static void *(*volatile  memory_malloc)(size_t size) = malloc;
static void *(*volatile  memory_calloc)(size_t n, size_t size) = calloc;
static void *(*volatile  memory_aligned_alloc)(size_t alignment, size_t size)
    = aligned_alloc;
static volatile int32_t  memory_failures;


void
hl_malloc_failed(void)
{
    memory_failures++;
}


/* Whether NULL, ENOMEM and one call of the function above. */

static bool
failed(void *volatile p, int32_t before)
{
    return p == NULL && errno == ENOMEM && memory_failures == before + 1;
}


static bool
fails(char *how)
{
    void               *p;
    bool                kept;
    int32_t             before;
    uint8_t *volatile   old;            /* GCC would warn of the free() */
    volatile size_t     huge, large;

    huge = SIZE_MAX - 100;
    large = 1u << 30;

    before = memory_failures;
    errno = 0;

    if (strcmp(how, "malloc") == 0) {
        return failed(memory_malloc(large), before);
    }

    if (strcmp(how, "malloc-huge") == 0) {
        return failed(memory_malloc(huge), before);
    }

    if (strcmp(how, "calloc") == 0) {
        return failed(memory_calloc(1, large), before);
    }

    if (strcmp(how, "calloc-overflow") == 0) {
        return failed(memory_calloc(huge, 16), before);
    }

    if (strcmp(how, "aligned_alloc") == 0) {
        return failed(memory_aligned_alloc(64, large), before);
    }

    if (strcmp(how, "aligned_alloc-huge") == 0) {
        return failed(memory_aligned_alloc(64, huge), before);
    }

    old = memory_malloc(100);
    memset(old, 0x5a, 100);

    p = realloc(old, strcmp(how, "realloc-huge") == 0 ? huge : large);
    kept = old[0] == 0x5a && old[99] == 0x5a;
    free(old);

    return failed(p, before) && kept;
}


/* Takes all there is, gives it back, and takes it again. */

static int32_t
exhaust(void)
{
    void     *p;
    void    **list;
    int32_t   n[2], i;

    for (i = 0; i < 2; i++) {
        list = NULL;
        n[i] = 0;

        while ((p = memory_malloc(4000)) != NULL) {
            *(void **) p = list;
            list = p;
            n[i]++;
        }

        while (list != NULL) {
            p = *list;
            free(list);
            list = p;
        }
    }

    return n[0] > 0 && n[1] >= n[0] ? n[0] : -1;
}


/* The library's own memory: it aborts all the same. */

static char *
result(void)
{
    static char  text[4000];

    while (memory_malloc(16) != NULL) {
        continue;
    }

    memset(text, 'x', sizeof(text) - 1);

    return text;
}


HYPERLIGHT_WRAP_FUNCTION(fails, Bool, 1, String)
HYPERLIGHT_WRAP_FUNCTION(exhaust, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(result, String, 0)


void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("Fails", fails);
    HYPERLIGHT_REGISTER_FUNCTION("Exhaust", exhaust);
    HYPERLIGHT_REGISTER_FUNCTION("Result", result);
}
