/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * cxx.c: what compilers expect a C++ program to be linked with.
 *
 * These are operators by the names that the Itanium C++ ABI gives them (5.1,
 * "Name Mangling"), so that the library needs no C++ compiler.
 */

#include <stdlib.h>

#include "hl_guest.h"


typedef void (*hl_destructor_pt)(void *object);


void *_Znwm(size_t size);
void *_Znam(size_t size);
void *_ZnwmSt11align_val_t(size_t size, size_t alignment);
void *_ZnamSt11align_val_t(size_t size, size_t alignment);

void _ZdlPv(void *p);
void _ZdaPv(void *p);
void _ZdlPvm(void *p, size_t size);
void _ZdaPvm(void *p, size_t size);
void _ZdlPvSt11align_val_t(void *p, size_t alignment);
void _ZdaPvSt11align_val_t(void *p, size_t alignment);
void _ZdlPvmSt11align_val_t(void *p, size_t size, size_t alignment);
void _ZdaPvmSt11align_val_t(void *p, size_t size, size_t alignment);

hl_noreturn void __cxa_pure_virtual(void);
hl_noreturn void __cxa_deleted_virtual(void);
int __cxa_atexit(hl_destructor_pt destructor, void *object, void *dso);


/*
 * operator new, new[].  Never NULL: there are no exceptions by which they
 * could tell that memory is out.  An object of no size has an address too.
 */

void *
_Znwm(size_t size)
{
    return hl_alloc(size > 0 ? size : 1);
}


void *
_Znam(size_t size)
{
    return _Znwm(size);
}


void *
_ZnwmSt11align_val_t(size_t size, size_t alignment)
{
    void  *p;

    p = aligned_alloc(alignment, size > 0 ? size : 1);

    if (p == NULL) {
        hl_abort_with_code_and_message(hl_ErrorCode_MallocFailed,
                                       "Malloc Failed");
    }

    return p;
}


void *
_ZnamSt11align_val_t(size_t size, size_t alignment)
{
    return _ZnwmSt11align_val_t(size, alignment);
}


/* operator delete, delete[] */

void
_ZdlPv(void *p)
{
    free(p);
}


void
_ZdaPv(void *p)
{
    free(p);
}


void
_ZdlPvm(void *p, size_t size)
{
    (void) size;

    free(p);
}


void
_ZdaPvm(void *p, size_t size)
{
    (void) size;

    free(p);
}


void
_ZdlPvSt11align_val_t(void *p, size_t alignment)
{
    (void) alignment;

    free(p);
}


void
_ZdaPvSt11align_val_t(void *p, size_t alignment)
{
    (void) alignment;

    free(p);
}


void
_ZdlPvmSt11align_val_t(void *p, size_t size, size_t alignment)
{
    (void) size;
    (void) alignment;

    free(p);
}


void
_ZdaPvmSt11align_val_t(void *p, size_t size, size_t alignment)
{
    (void) size;
    (void) alignment;

    free(p);
}


void
__cxa_pure_virtual(void)
{
    hl_abort_with_code_and_message(hl_ErrorCode_UnknownError,
                                   "pure virtual function called");
}


void
__cxa_deleted_virtual(void)
{
    hl_abort_with_code_and_message(hl_ErrorCode_UnknownError,
                                   "deleted virtual function called");
}


/* A guest has no end at which static objects could be destroyed. */

int
__cxa_atexit(hl_destructor_pt destructor, void *object, void *dso)
{
    (void) destructor;
    (void) object;
    (void) dso;

    return 0;
}
