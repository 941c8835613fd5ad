/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_version.c: which library this is.
 */

#include "hyperlight.h"


#define HL_STRING(x)  #x
#define HL_EXPAND(x)  HL_STRING(x)


const char *
hl_version(void)
{
    return HL_VERSION;
}


const char *
hl_build(void)
{
    return "libhyperlight " HL_VERSION ", guest ABI "
           HL_EXPAND(HL_ABI_VERSION) ", built with "
#ifdef __clang__
           "clang " __clang_version__
#else
           "gcc " __VERSION__
#endif
           ;
}
