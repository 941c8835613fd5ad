/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_backtrace.c: who called the function that a guest stopped in.
 *
 * By the chain of frame pointers, which hlcc makes compilers keep:
 *
 *     rbp ---> | caller's rbp | return address |     addresses grow ->
 *
 * Registers and stack are the guest's word.  So words are read from the
 * stack's region only, each frame lies above the one before, steps are
 * bounded, and a return address is one of code that the guest can execute.
 */

#include <string.h>

#include "hl_memory.h"
#include "hl_sandbox.h"
#include "hl_x86.h"


/* Recursion counts as one frame; steps of it are looked at to here. */
#define HL_BACKTRACE_STEPS     1024

/* Where a function sets its frame up, and room for what it pushed. */
#define HL_BACKTRACE_PROLOGUE  24
#define HL_BACKTRACE_PUSHED    16

#define HL_CALL_SIZE           5        /* e8 and four bytes of distance */
#define HL_CALL_OPCODE         0xe8
#define HL_CALL_INDIRECT       0xff     /* and /2, in so many bytes: */
#define HL_CALL_INDIRECT_MIN   2
#define HL_CALL_INDIRECT_MAX   7
#define HL_RET_OPCODE          0xc3

#define HL_WORD                sizeof(uint64_t)


typedef struct {
    const hl_sandbox_t  *sb;
    hl_frame_t          *frames;
    size_t               n;
} hl_backtrace_t;


static bool hl_backtrace_caller(const hl_backtrace_t *bt,
    const hl_place_t *place, hl_gva_t *caller);
static bool hl_backtrace_leaf(const hl_backtrace_t *bt,
    const hl_place_t *place, hl_gva_t start, hl_gva_t *caller);
static bool hl_backtrace_prologue(const hl_backtrace_t *bt, hl_gva_t start,
    size_t *at);
static bool hl_backtrace_calls(const hl_backtrace_t *bt, hl_gva_t caller,
    hl_gva_t start);
static bool hl_backtrace_called(const hl_backtrace_t *bt, hl_gva_t caller);
static bool hl_backtrace_add(hl_backtrace_t *bt, hl_gva_t caller);
static void hl_backtrace_frame(const hl_sandbox_t *sb, hl_frame_t *frame,
    hl_gva_t address);
static bool hl_backtrace_word(const hl_backtrace_t *bt, hl_gva_t gva,
    uint64_t *word);
static bool hl_backtrace_code(const hl_sandbox_t *sb, hl_gva_t gva);


size_t
hl_call_backtrace(const hl_sandbox_t *sb, hl_frame_t frames[HL_FRAMES_MAX])
{
    hl_place_t  place;

    /* clean: nothing has run since the vCPU was parked or reset */

    if (sb->vm == NULL || sb->rw == NULL || sb->clean) {
        return 0;
    }

    if (sb->fault_last) {
        place.rip = sb->fault.rip;
        place.rsp = sb->fault.gpr[HL_GPR_RSP];
        place.rbp = sb->fault.gpr[HL_GPR_RBP];

    } else if (!sb->host->platform->place(sb->vm, &place)) {
        return 0;
    }

    return hl_backtrace(sb, &place, frames);
}


/* The first frame is where it stopped, be that code or not. */
size_t
hl_backtrace(const hl_sandbox_t *sb, const hl_place_t *place,
    hl_frame_t frames[HL_FRAMES_MAX])
{
    unsigned        steps;
    hl_gva_t        rbp, next, caller;
    hl_backtrace_t  bt;

    bt.sb = sb;
    bt.frames = frames;
    bt.n = 1;

    hl_backtrace_frame(sb, &frames[0], place->rip);

    if (hl_backtrace_caller(&bt, place, &caller)
        && !hl_backtrace_add(&bt, caller))
    {
        return bt.n;
    }

    rbp = place->rbp;

    if (rbp < place->rsp) {
        return bt.n;
    }

    for (steps = 0; steps < HL_BACKTRACE_STEPS; steps++) {

        if (!hl_backtrace_word(&bt, rbp, &next)
            || !hl_backtrace_word(&bt, rbp + HL_WORD, &caller)
            || !hl_backtrace_add(&bt, caller)
            || next <= rbp)
        {
            break;
        }

        rbp = next;
    }

    return bt.n;
}


/*
 * The return address of a function that has no frame, not yet or no more:
 * the chain begins with its caller's.
 */
static bool
hl_backtrace_caller(const hl_backtrace_t *bt, const hl_place_t *place,
    hl_gva_t *caller)
{
    size_t                at, left;
    hl_gva_t              start;
    const uint8_t        *code;
    const hl_symbol_t    *symbol;

    code = hl_backtrace_memory(bt->sb, place->rip, &left);

    if (code == NULL || !hl_backtrace_code(bt->sb, place->rip)
        || place->rip - HL_GVA_HYPERCALL < HL_PAGE_SIZE
        || *code == HL_RET_OPCODE)
    {
        /* called, what is no code; the host's; at the very end */

        return hl_backtrace_word(bt, place->rsp, caller);
    }

    symbol = hl_symbols_find(bt->sb->image->symbols, place->rip);

    if (symbol == NULL) {
        return false;
    }

    start = symbol->address;

    if (!hl_backtrace_prologue(bt, start, &at)) {
        return hl_backtrace_leaf(bt, place, start, caller);
    }

    if (place->rip - start <= at) {
        return hl_backtrace_word(bt, place->rsp, caller);
    }

    if (place->rip - start == at + 1) {         /* behind the PUSH */
        return hl_backtrace_word(bt, place->rsp + HL_WORD, caller);
    }

    return false;
}


/*
 * One that calls nobody, for which gcc sets up no frame whatever it is told,
 * or one in assembly.  Either the return address is on top, behind any call,
 * or something was pushed onto it, and then it is the one behind a call of
 * this very function.
 */
static bool
hl_backtrace_leaf(const hl_backtrace_t *bt, const hl_place_t *place,
    hl_gva_t start, hl_gva_t *caller)
{
    size_t    i;
    uint64_t  word;

    if (hl_backtrace_word(bt, place->rbp + HL_WORD, &word)
        && hl_backtrace_calls(bt, word, start))
    {
        return false;           /* it has a frame after all */
    }

    for (i = 0; i < HL_BACKTRACE_PUSHED; i++) {

        if (!hl_backtrace_word(bt, place->rsp + i * HL_WORD, &word)) {
            return false;
        }

        if (hl_backtrace_calls(bt, word, start)
            || (i == 0 && hl_backtrace_called(bt, word)))
        {
            *caller = word;
            return true;
        }
    }

    return false;
}


/* Where in the function "push %rbp; mov %rsp, %rbp" is. */
static bool
hl_backtrace_prologue(const hl_backtrace_t *bt, hl_gva_t start, size_t *at)
{
    size_t          left;
    const uint8_t  *code;

    static const uint8_t  prologue[] = { 0x55, 0x48, 0x89, 0xe5 };

    code = hl_backtrace_memory(bt->sb, start, &left);

    if (code == NULL) {
        return false;
    }

    for (*at = 0; *at < HL_BACKTRACE_PROLOGUE; (*at)++) {

        if (left - *at < sizeof(prologue)) {
            return false;
        }

        if (memcmp(code + *at, prologue, sizeof(prologue)) == 0) {
            return true;
        }
    }

    return false;
}


static bool
hl_backtrace_calls(const hl_backtrace_t *bt, hl_gva_t caller, hl_gva_t start)
{
    int32_t         distance;
    size_t          left;
    const uint8_t  *code;

    code = hl_backtrace_memory(bt->sb, caller - HL_CALL_SIZE, &left);

    if (code == NULL || left < HL_CALL_SIZE || *code != HL_CALL_OPCODE) {
        return false;
    }

    memcpy(&distance, code + 1, sizeof(distance));

    return caller + (uint64_t) (int64_t) distance == start;
}


/*
 * Whether a call ends here, e8 or ff /2: SDM volume 2, CALL.  By its bytes,
 * so another instruction may pass for one.
 */
static bool
hl_backtrace_called(const hl_backtrace_t *bt, hl_gva_t caller)
{
    size_t          size, left;
    const uint8_t  *code;

    for (size = HL_CALL_INDIRECT_MIN; size <= HL_CALL_INDIRECT_MAX; size++) {
        code = hl_backtrace_memory(bt->sb, caller - size, &left);

        if (code == NULL || left < size
            || !hl_backtrace_code(bt->sb, caller - 1))
        {
            return false;
        }

        if ((code[0] == HL_CALL_INDIRECT && (code[1] >> 3 & 7) == 2)
            || (code[0] == HL_CALL_OPCODE && size == HL_CALL_SIZE))
        {
            return true;
        }
    }

    return false;
}


/* False: it is no code, or there is no room. */
static bool
hl_backtrace_add(hl_backtrace_t *bt, hl_gva_t caller)
{
    hl_frame_t  *last;

    if (!hl_backtrace_code(bt->sb, caller - 1)) {
        return false;
    }

    last = &bt->frames[bt->n - 1];

    if (bt->n > 1 && last->address == caller - 1) {
        last->times++;
        return true;
    }

    if (bt->n == HL_FRAMES_MAX) {
        return false;
    }

    hl_backtrace_frame(bt->sb, &bt->frames[bt->n++], caller - 1);

    return true;
}


static void
hl_backtrace_frame(const hl_sandbox_t *sb, hl_frame_t *frame,
    hl_gva_t address)
{
    const hl_symbol_t  *symbol;

    memset(frame, 0, sizeof(hl_frame_t));
    frame->address = address;
    frame->times = 1;

    symbol = hl_symbols_find(sb->image->symbols, address);

    if (symbol != NULL) {
        frame->symbol = sb->image->symbols->names + symbol->name;
        frame->offset = address - symbol->address;
    }
}


/* Of the stack alone. */
static bool
hl_backtrace_word(const hl_backtrace_t *bt, hl_gva_t gva, uint64_t *word)
{
    const hl_region_t  *r;

    r = &bt->sb->image->layout.regions[HL_REGION_STACK];

    if (gva < r->gva || gva - r->gva > r->size - HL_WORD
        || gva % HL_WORD != 0)
    {
        return false;
    }

    memcpy(word, bt->sb->rw + r->offset + (gva - r->gva), HL_WORD);

    return true;
}


static bool
hl_backtrace_code(const hl_sandbox_t *sb, hl_gva_t gva)
{
    const hl_region_t  *r;

    r = hl_layout_find(&sb->image->layout, gva);

    return r != NULL && (r->prot & HL_PROT_USER) && (r->prot & HL_PROT_EXEC);
}


const uint8_t *
hl_backtrace_memory(const hl_sandbox_t *sb, hl_gva_t gva, size_t *left)
{
    const hl_region_t  *r;

    r = hl_layout_find(&sb->image->layout, gva);

    if (r == NULL || !(r->prot & HL_PROT_USER)) {
        return NULL;
    }

    *left = r->size - (gva - r->gva);

    return (r->slot == HL_SLOT_RO ? sb->image->ro : sb->rw) + r->offset
           + (gva - r->gva);
}
