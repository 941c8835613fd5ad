/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * main.c: the conformance guest.  Together with the test guest probe it has
 * what a host's tests of a sandbox need:
 *
 *     what                               guest        function
 *     ---------------------------------  -----------  ----------------------
 *     static state, restored             probe        Count, DirtyPages,
 *                                                     SumPages
 *     values of each type in and out     probe        Echo..., Eleven
 *     secrets left behind                probe        secret.c
 *     spin                               probe        Fault("loop")
 *     exhaust the heap                   probe        Fault("heap")
 *     recursion, too large a frame       probe        Fault("recursion"),
 *                                                     Fault("frame")
 *     memory that is not to be touched   probe        Fault(...)
 *     leaving wrongly, wrong output      probe        exit.c, output.c
 *     each exception and forbidden       conformance  Exceptions, Raise
 *     instruction
 *     SSE and AVX registers over exits   conformance  KeepSse, KeepAvx
 *     and time slices
 *     each type through a host function  conformance  CallHost..., and probe's
 *                                                     CallHost, CallHostInt,
 *                                                     CallHostBytes
 */

#include "conformance.h"


void
hyperlight_main(void)
{
    conformance_exception_register();
    conformance_register_register();
    conformance_round_register();
}
