/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_where.c: frames as text, for the end of an error:
 *
 *     , in parse+0x1c (json.elf), called by handle+0x44, hl_call+0x7b
 *
 * Whole pieces only: what there is no room for is left out from the end.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hl_error.h"
#include "hl_memory.h"
#include "hl_sandbox.h"


/* hl_ErrorCode_MallocFailed of the SDK. */
#define HL_CODE_MALLOC_FAILED  13


static size_t hl_where_skip(const hl_frame_t *frames, size_t n);
static bool hl_where_host(const hl_frame_t *frame);
static bool hl_where_library(const char *symbol);
static bool hl_where_place(const hl_sandbox_t *sb, const hl_frame_t *frame,
    char *buf, size_t size);
static bool hl_where_frame(const hl_sandbox_t *sb, const hl_frame_t *frame,
    const char *before, char *buf, size_t size);
static bool hl_where_put(char *buf, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));


char *
hl_call_where(const hl_sandbox_t *sb, char *buf, size_t size)
{
    size_t      n;
    char        text[HL_WHERE_TEXT - 1];
    hl_frame_t  frames[HL_FRAMES_MAX];

    buf[0] = '\0';

    n = hl_call_backtrace(sb, frames);

    if (n > 1 || (n == 1 && !hl_where_host(&frames[0]))) {
        (void) hl_where_text(sb, frames, n, text,
                             size - 1 < sizeof(text) ? size - 1
                                                     : sizeof(text));
        (void) hl_where_put(buf, size, "%s%s", text[0] == ' ' ? "," : "",
                            text);
    }

    return buf;
}


/*
 * What was the last to be added to an error is the first to give way: of a
 * guest's text, which may have any length, the end.
 */
void
hl_where_append(const hl_sandbox_t *sb, hl_error_t *err)
{
    char    where[HL_WHERE_TEXT], heap[64];
    size_t  len, room;

    (void) hl_call_where(sb, where, sizeof(where));

    heap[0] = '\0';

    if (err->status == HL_ERR_ABORTED
        && err->guest_code == HL_CODE_MALLOC_FAILED)
    {
        (void) snprintf(heap, sizeof(heap), " (heap exhausted, it has %zu "
                        "bytes)",
                        sb->image->layout.regions[HL_REGION_HEAP].size);
    }

    if (where[0] == '\0' && heap[0] == '\0') {
        return;
    }

    len = strlen(err->text);
    room = sizeof(err->text) - strlen(where) - strlen(heap) - sizeof("...");

    while (len > 0
           && (err->text[len - 1] == ' ' || err->text[len - 1] == '.'))
    {
        len--;
    }

    (void) snprintf(err->text + (len < room ? len : room),
                    sizeof(err->text) - (len < room ? len : room), "%s%s%s",
                    len > room ? "..." : "", heap, where);
}


char *
hl_where_text(const hl_sandbox_t *sb, const hl_frame_t *frames, size_t n,
    char *buf, size_t size)
{
    size_t       i, first;
    const char  *before;

    buf[0] = '\0';
    first = hl_where_skip(frames, n);

    if (first == n || !hl_where_place(sb, &frames[first], buf, size)) {
        return buf;
    }

    before = ", called by ";

    for (i = first + 1; i < n; i++) {
        if (!hl_where_frame(sb, &frames[i], before, buf, size)) {
            break;
        }

        before = ", ";
    }

    return buf;
}


/*
 * Of a guest that left by itself, what the guest library did to get there
 * says nothing of why: it begins with who called the library.
 */
static size_t
hl_where_skip(const hl_frame_t *frames, size_t n)
{
    size_t  first;

    if (n < 2 || !hl_where_host(&frames[0])) {
        return 0;
    }

    for (first = 1; first < n; first++) {
        if (frames[first].symbol == NULL
            || !hl_where_library(frames[first].symbol))
        {
            return first;
        }
    }

    return 1;
}


/* In the page that a guest is entered by and leaves by. */
static bool
hl_where_host(const hl_frame_t *frame)
{
    return frame->address - HL_GVA_HYPERCALL < HL_PAGE_SIZE;
}


/* Also what of libc ends a guest, or is the library's by another name. */
static bool
hl_where_library(const char *symbol)
{
    size_t  i;

    static const char *const  names[] = {
        "abort", "exit", "_exit", "__assert_func", "__stack_chk_fail"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(symbol, names[i]) == 0) {
            return true;
        }
    }

    return strncmp(symbol, "hl_", 3) == 0
           || strncmp(symbol, "__wrap_", 7) == 0;
}


/* False: the room is used up.  Nothing is said of what is no code. */
static bool
hl_where_place(const hl_sandbox_t *sb, const hl_frame_t *frame, char *buf,
    size_t size)
{
    const hl_region_t  *r;

    r = hl_layout_find(&sb->image->layout, frame->address);

    if (r == NULL || !(r->prot & HL_PROT_EXEC)) {
        return true;
    }

    if (r - sb->image->layout.regions < HL_REGION_SEGMENT) {
        return hl_where_put(buf, size, " in a page of the host's");
    }

    return hl_where_frame(sb, frame, " in ", buf, size)
           && hl_where_put(buf, size, " (%s)", sb->image->symbols->file);
}


/* Without a symbol, by the segment, as the file has it. */
static bool
hl_where_frame(const hl_sandbox_t *sb, const hl_frame_t *frame,
    const char *before, char *buf, size_t size)
{
    char                times[24];
    uint64_t            base;
    const hl_region_t  *r;

    times[0] = '\0';

    if (frame->times > 1) {
        (void) snprintf(times, sizeof(times), " %u times", frame->times);
    }

    if (frame->symbol != NULL) {
        return hl_where_put(buf, size, "%s%s+0x%llx%s", before, frame->symbol,
                            (unsigned long long) frame->offset, times);
    }

    r = hl_layout_find(&sb->image->layout, frame->address);

    if (r == NULL) {
        return false;
    }

    base = r->gva;

    if (r - sb->image->layout.regions >= HL_REGION_SEGMENT) {
        base -= sb->image->symbols->bias;
    }

    return hl_where_put(buf, size, "%ssegment 0x%llx+0x%llx%s", before,
                        (unsigned long long) base,
                        (unsigned long long) (frame->address - r->gva),
                        times);
}


/* All of it at the end of the text, or nothing. */
static bool
hl_where_put(char *buf, size_t size, const char *fmt, ...)
{
    int      n;
    size_t   len;
    va_list  args;

    len = strlen(buf);

    va_start(args, fmt);
    n = vsnprintf(buf + len, size - len, fmt, args);
    va_end(args);

    if (n < 0 || (size_t) n >= size - len) {
        buf[len] = '\0';
        return false;
    }

    return true;
}
