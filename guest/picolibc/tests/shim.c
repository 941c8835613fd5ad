/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * shim.c: makes a guest of a program that has a main(): a test of picolibc.
 *
 * The guest's one function is main() -> Int.  As in C, to return from the
 * program's main() is to call exit() with what it returned.  exit() runs what
 * atexit() and on_exit() have, and ends in _exit(), which is this file's by
 * the linker's --wrap: the status leaves as the code of an abort with the
 * message "exit", so that exit(0) and abort() can be told apart.
 *
 * rand() and random() start from seed 1, as C says; in a guest they start
 * from entropy, and a test that takes a mean fails now and then.
 */

#include <hyperlight_guest.h>


/* The program's; whichever of its two forms it has, this call is right. */
int main(int argc, char **argv);

void hl_malloc_failed(void);
void __wrap__exit(int status) __attribute__((noreturn));


static int32_t
run_main(void)
{
    static char   name[] = "test";
    static char  *argv[] = { name, NULL };

    srand(1);
    srandom(1);

    exit(main(1, argv));
}


void
__wrap__exit(int status)
{
    hl_abort_with_code_and_message(status, "exit");
}


/* malloc() returns NULL then, as the tests expect. */

void
hl_malloc_failed(void)
{
}


HYPERLIGHT_WRAP_FUNCTION(run_main, Int, 0)


void
hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("main", run_main);
}
