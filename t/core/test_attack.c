/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_attack.c: the matrix of t/attack/attacks.h, each row a test.
 *
 * An attack must end as its row says, on hardware or here; then the restored
 * sandbox must be exact (check_restore), and an innocent call must find
 * nothing of it.  That this call is not blind is a test, too.
 */

#include <stdio.h>
#include <string.h>

#include "test.h"


#define TEST_ATTACK     "t/core/guests/attack.elf"

#define ATTACK_LIMIT    (2 * TEST_SECOND)
#define ATTACK_SHORT    (5 * TEST_MS)   /* of those that never end */

/* As in t/core/guests/attack.c. */
#define FOUND_EVERY_CPU     0x7ffu      /* also what is in memory */
#define FOUND_COMPONENTS    16          /* the first bit of these */
#define FOUND_CPU           0xffff003fu


typedef struct {
    const char  *name;
    const char  *hardware;
    const char  *here;
} attack_row_t;


static bool  attack_hardware;           /* which of the two holds */


/* ---- how an attack ended ----------------------------------------------- */

static const char *
attack_exception(void)
{
    static const char *const  names[] = {
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",
        "#TS", "#NP", "#SS", "#GP", "#PF", "15", "#MF", "#AC", "#MC", "#XM"
    };

    const hl_fault_t  *fault;

    fault = hl_call_fault(test_sb);

    return fault != NULL
           && fault->vector < sizeof(names) / sizeof(names[0])
           ? names[fault->vector] : "an exception without a name";
}


static const char *
attack_end(hl_status_t status)
{
    switch (status) {

    case HL_OK:
        return "ok";

    case HL_ERR_FAULT:
        return attack_exception();

    case HL_ERR_PROTOCOL:
        return strstr(test_err.text, "exit reason") != NULL ? "broken"
                                                            : "left";

    case HL_ERR_OUTPUT:
        return "output";

    case HL_ERR_ABORTED:
        return "abort";

    case HL_ERR_TIMEOUT:
        return "time";

    default:
        return "error";
    }
}


/* Whether it is one of the words. */
static bool
attack_expected(const char *end, const char *words)
{
    size_t       len, word;
    const char  *p;

    len = strlen(end);

    for (p = words; *p != '\0'; p += word + (p[word] == ' ')) {
        word = strcspn(p, " ");

        if (word == len && memcmp(p, end, len) == 0) {
            return true;
        }
    }

    return false;
}


static const char *
attack(const char *name, uint64_t limit)
{
    hl_value_t  value;

    value = test_string(name);
    test_start(test_sb, "Attack", HL_TYPE_ULONG, &value, 1);

    return attack_end(hl_sandbox_finish(test_sb, limit, &test_err));
}


/* ---- tests ------------------------------------------------------------- */

/*
 * CR4.FSGSBASE is off: where RDFSBASE works all the same, the control
 * registers at CPL 3 are not those of the guest.
 */
static int
attack_group(void **state)
{
    (void) test_group(TEST_ATTACK, NULL);

    (void) test_begin(state);
    attack_hardware = strcmp(attack("rdfsbase", ATTACK_LIMIT), "#UD") == 0;
    (void) test_end(state);

    print_message("this is %s\n", attack_hardware ? "hardware"
                  : "no hardware virtualisation");

    return 0;
}


static int
attack_begin(void **state)
{
    void  *mine;

    mine = *state;
    (void) test_begin(state);
    *state = mine;

    return 0;
}


static void
attack_is_contained(void **state)
{
    const char          *end, *expected;
    const attack_row_t  *row;

    row = *state;
    expected = attack_hardware ? row->hardware : row->here;

    end = attack(row->name, strcmp(expected, "time") == 0 ? ATTACK_SHORT
                                                          : ATTACK_LIMIT);

    print_message("%s: %s\n", row->name, end);

    if (!attack_expected(end, expected)) {
        fail_msg("%s ended with \"%s\" and not \"%s\": %s", row->name, end,
                 expected, strcmp(end, "ok") == 0 ? "" : test_err.text);
    }

    /* the exactness check is part of it */

    test_restore();
    assert_int_equal(test_call_uint(test_sb, "Witness"), 0);
    test_restore();

    assert_ok(test_call(test_sb, "FindPkru", HL_TYPE_BOOL, NULL, 0));
    assert_false(hl_call_result(test_sb)->v.boolean);
    test_restore();
}


static void
witness_is_not_blind(void **state)
{
    uint32_t  found;

    (void) state;

    found = test_call_uint(test_sb, "Blind");

    assert_int_equal(found & FOUND_EVERY_CPU, FOUND_EVERY_CPU);

    /* AVX and AVX-512, where the CPU has them */

    assert_int_equal(found >> FOUND_COMPONENTS, test_host->kvm.xcr0 & ~3ull);
}


/* What the entry code resets, it resets without a restore. */
static void
witness_sees_no_registers_without_restore(void **state)
{
    (void) state;

    assert_string_equal(attack("nothing", ATTACK_LIMIT), "ok");
    assert_int_equal(test_call_uint(test_sb, "Witness") & FOUND_CPU, 0);
}


/* CR4.TSD, which a para-virtual KVM does not enforce. */
static void
rdtsc_without_a_clock_faults(void **state)
{
    hl_config_t    config;
    hl_sandbox_t  *mine;

    (void) state;

    hl_config_init(&config);
    config.clock = false;

    mine = test_sb;
    test_sb = test_evolved(TEST_ATTACK, &config);
    assert_string_equal(attack("rdtsc", ATTACK_LIMIT),
                        attack_hardware ? "#GP" : "ok");
    hl_sandbox_destroy(test_sb);
    test_sb = mine;
}


#define CODE_2(name, text, hardware, here)                                    \
    { #name, attack_is_contained, attack_begin, test_end,                     \
      &(attack_row_t) { #name, hardware, here } },
#define CALL(name, ends)  CODE_2(name, , ends, ends)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        { "witness_is_not_blind", witness_is_not_blind, attack_begin,
          test_end, NULL },
        { "witness_sees_no_registers_without_restore",
          witness_sees_no_registers_without_restore, attack_begin, test_end,
          NULL },
        { "rdtsc_without_a_clock_faults", rdtsc_without_a_clock_faults,
          attack_begin, test_end, NULL },
#include "../attack/attacks.h"
    };

    return cmocka_run_group_tests_name("attack", tests, attack_group,
                                       test_group_end);
}
