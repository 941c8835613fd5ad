/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hlrun_args.c: the command line.
 *
 * Options have long names only and may stand anywhere: "-5" is an argument
 * of a function, never an option.  What follows "--" is no option.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hlrun.h"


#define HLRUN_TIMEOUT_NS  HLRUN_NS_PER_S
#define HLRUN_BENCH_MAX   1000000
#define HLRUN_KIB         (1ull << 10)
#define HLRUN_MIB         (1ull << 20)
#define HLRUN_GIB         (1ull << 30)


typedef struct hlrun_option_s  hlrun_option_t;

typedef void (*hlrun_option_pt)(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);

/* "value" is what --help calls it; NULL: the option takes none. */
struct hlrun_option_s {
    const char       *name;
    const char       *value;
    hlrun_option_pt   set;
    size_t            offset;           /* of the member that is set */
};

typedef struct {
    const char  *suffix;
    uint64_t     factor;
} hlrun_unit_t;


static void hlrun_args_option(hlrun_options_t *options, const char *arg,
    char ***next);
static const hlrun_option_t *hlrun_args_find(const char *name, size_t len);
static void hlrun_args_name(hlrun_options_t *options, char *arg);
static void hlrun_args_check(const hlrun_options_t *options);
static uint64_t hlrun_args_number(const hlrun_option_t *option,
    const char *text, const hlrun_unit_t *units, const char *expected);

static void hlrun_set_help(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);
static void hlrun_set_version(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);
static void hlrun_set_file(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);
static void hlrun_set_flag(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);
static void hlrun_set_size(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);
static void hlrun_set_bench(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);
static void hlrun_set_result(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);
static void hlrun_set_timeout(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);
static void hlrun_set_log_level(hlrun_options_t *options,
    const hlrun_option_t *option, const char *value);


#define hlrun_member(name)  offsetof(hlrun_options_t, name)

static const hlrun_option_t  hlrun_options[] = {
    { "http", "FILE", hlrun_set_file, hlrun_member(http) },
    { "bench", "N", hlrun_set_bench, 0 },
    { "result", "TYPE", hlrun_set_result, 0 },
    { "init-data", "FILE", hlrun_set_file, hlrun_member(init_data) },
    { "init-data-writable", NULL, hlrun_set_flag,
      hlrun_member(config.init_data_writable) },
    { "heap", "SIZE", hlrun_set_size, hlrun_member(config.heap) },
    { "stack", "SIZE", hlrun_set_size, hlrun_member(config.stack) },
    { "input", "SIZE", hlrun_set_size, hlrun_member(config.input) },
    { "headers", "SIZE", hlrun_set_size, hlrun_member(config.headers) },
    { "output", "SIZE", hlrun_set_size, hlrun_member(config.output) },
    { "timeout", "TIME", hlrun_set_timeout, 0 },
    { "log-level", "LEVEL", hlrun_set_log_level, 0 },
    { "no-clock", NULL, hlrun_set_flag, hlrun_member(no_clock) },
    { "test-functions", NULL, hlrun_set_flag,
      hlrun_member(test_functions) },
    { "help", NULL, hlrun_set_help, 0 },
    { "version", NULL, hlrun_set_version, 0 }
};


static const char  hlrun_help[] =
    "usage: hlrun [option...] guest.elf [function [argument...]]\n"
    "\n"
    "Runs a guest of Hyperlight for nginx.  Without a function, lists those\n"
    "of the guest.\n"
    "\n"
    "    hlrun guest.elf                  what can be called\n"
    "    hlrun guest.elf Echo '\"hi\"'      calls it, prints the result\n"
    "    hlrun guest.elf hello --http -   an HTTP handler: request on stdin\n"
    "\n"
    "Arguments: numbers, \"text\" with JSON's escapes, true, false, bytes as\n"
    "x\"00ff\" or [0, 255].\n"
    "\n"
    "    --http FILE           an HTTP handler's raw request, - is stdin\n"
    "    --bench N             measures N calls, prints microseconds\n"
    "    --result TYPE         of a function that the guest does not list\n"
    "                          (Int): Int UInt Long ULong Float Double\n"
    "                          String Bool Void VecBytes\n"
    "    --init-data FILE      what hl_user_data() gives to the guest\n"
    "    --init-data-writable  the guest may change it\n"
    "    --heap SIZE           (1m)    SIZE: bytes, or with k, m, g\n"
    "    --stack SIZE          (64k)\n"
    "    --input SIZE          (128k)  arguments, or request\n"
    "    --headers SIZE        (32k)   of input, for URI and headers\n"
    "    --output SIZE         (128k)  of the guest at once\n"
    "    --timeout TIME        (1s)    of a call, of the start: 500ms, 10s\n"
    "    --log-level LEVEL     (warning) trace debug information warning\n"
    "                          error critical none\n"
    "    --no-clock            the guest cannot tell the time\n"
    "    --test-functions      host functions that Hyperlight's test guest\n"
    "                          calls: HostAddFloat and so on\n"
    "    --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 usage, file or system, 2 the function answered\n"
    "with an error, 3 fault, abort or broken protocol, 4 time limit, 5 no\n"
    "KVM.  See hlrun(1).\n";


static const hlrun_unit_t  hlrun_sizes[] = {
    { "", 1 },
    { "k", HLRUN_KIB }, { "K", HLRUN_KIB },
    { "m", HLRUN_MIB }, { "M", HLRUN_MIB },
    { "g", HLRUN_GIB }, { "G", HLRUN_GIB },
    { NULL, 0 }
};

static const hlrun_unit_t  hlrun_times[] = {
    { "ms", HLRUN_NS_PER_MS }, { "s", HLRUN_NS_PER_S }, { NULL, 0 }
};

static const hlrun_unit_t  hlrun_counts[] = { { "", 1 }, { NULL, 0 } };

const char *const  hlrun_levels[HL_LOG_NONE + 1] = {
    "trace", "debug", "information", "warning", "error", "critical", "none"
};


void
hlrun_args_parse(hlrun_options_t *options, int argc, char **argv)
{
    bool    only_names;
    char  **next;

    memset(options, 0, sizeof(hlrun_options_t));
    hl_config_init(&options->config);

    options->timeout = HLRUN_TIMEOUT_NS;
    options->args = hlrun_alloc((size_t) argc, sizeof(char *));

    only_names = false;
    next = argc > 0 ? argv + 1 : argv;

    while (*next != NULL) {

        if (only_names || strncmp(*next, "--", 2) != 0) {
            hlrun_args_name(options, *next++);

        } else if (strcmp(*next, "--") == 0) {
            only_names = true;
            next++;

        } else {
            hlrun_args_option(options, *next + 2, &next);
        }
    }

    options->config.clock = !options->no_clock;
    hlrun_args_check(options);
}


/* One of --name, --name=VALUE, --name VALUE; "arg" is without the dashes. */

static void
hlrun_args_option(hlrun_options_t *options, const char *arg, char ***next)
{
    size_t                 len;
    const char            *value;
    const hlrun_option_t  *option;

    len = strcspn(arg, "=");
    option = hlrun_args_find(arg, len);

    (*next)++;
    value = arg[len] == '=' ? arg + len + 1 : NULL;

    if (option->value == NULL && value != NULL) {
        hlrun_fail(HLRUN_USAGE, "--%s takes no value", option->name);
    }

    if (option->value != NULL && value == NULL) {
        value = **next;

        if (value == NULL) {
            hlrun_fail(HLRUN_USAGE, "--%s needs a value: --%s %s",
                       option->name, option->name, option->value);
        }

        (*next)++;
    }

    option->set(options, option, value);
}


static const hlrun_option_t *
hlrun_args_find(const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < sizeof(hlrun_options) / sizeof(hlrun_options[0]); i++) {

        if (strlen(hlrun_options[i].name) == len
            && memcmp(hlrun_options[i].name, name, len) == 0)
        {
            return &hlrun_options[i];
        }
    }

    hlrun_fail(HLRUN_USAGE, "unknown option --%.*s, see hlrun --help",
               (int) len, name);
}


static void
hlrun_args_name(hlrun_options_t *options, char *arg)
{
    if (options->guest == NULL) {

        if (arg[0] == '-') {
            hlrun_fail(HLRUN_USAGE, "unknown option %s, see hlrun --help",
                       arg);
        }

        options->guest = arg;

    } else if (options->function == NULL) {
        options->function = arg;

    } else {
        options->args[options->arg_count++] = arg;
    }
}


static void
hlrun_args_check(const hlrun_options_t *options)
{
    hl_error_t  err;

    if (options->guest == NULL) {
        hlrun_fail(HLRUN_USAGE, "no guest was named, see hlrun --help");
    }

    if (options->http != NULL && options->arg_count > 0) {
        hlrun_fail(HLRUN_USAGE, "--http: an HTTP handler takes no arguments");
    }

    if (options->http != NULL && options->has_result) {
        hlrun_fail(HLRUN_USAGE, "--http: an HTTP handler has no --result");
    }

    if (options->function == NULL && options->http == NULL
        && (options->bench > 0 || options->has_result))
    {
        hlrun_fail(HLRUN_USAGE, "--%s needs a function",
                   options->bench > 0 ? "bench" : "result");
    }

    if (hl_config_check(&options->config, &err) != HL_OK) {
        hlrun_fail_error(&err);
    }
}


/* A whole number with one of the units. */

static uint64_t
hlrun_args_number(const hlrun_option_t *option, const char *text,
    const hlrun_unit_t *units, const char *expected)
{
    char                *end;
    uint64_t             n;
    const hlrun_unit_t  *unit;

    errno = 0;
    n = strtoull(text, &end, 10);

    for (unit = units; unit->suffix != NULL; unit++) {

        if (strcmp(end, unit->suffix) == 0) {
            break;
        }
    }

    if (text[0] < '0' || text[0] > '9' || unit->suffix == NULL) {
        hlrun_fail(HLRUN_USAGE, "--%s: expected %s, but got %s",
                   option->name, expected, text);
    }

    if (errno == ERANGE || __builtin_mul_overflow(n, unit->factor, &n)) {
        hlrun_fail(HLRUN_USAGE, "--%s: %s is too large", option->name, text);
    }

    return n;
}


/* ---- the options ------------------------------------------------------- */

static void
hlrun_set_help(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    (void) options;
    (void) option;
    (void) value;

    (void) fputs(hlrun_help, stdout);
    hlrun_finish();
}


static void
hlrun_set_version(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    (void) options;
    (void) option;
    (void) value;

    (void) printf("hlrun: %s\n", hl_build());
    hlrun_finish();
}


static void
hlrun_set_file(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    *(const char **) ((char *) options + option->offset) = value;
}


static void
hlrun_set_flag(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    (void) value;

    *(bool *) ((char *) options + option->offset) = true;
}


static void
hlrun_set_size(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    *(size_t *) ((char *) options + option->offset) =
        hlrun_args_number(option, value, hlrun_sizes,
                          "a size, such as 65536, 64k, 1m or 1g");
}


static void
hlrun_set_bench(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    options->bench = hlrun_args_number(option, value, hlrun_counts,
                                       "a number of calls");

    if (options->bench < 1 || options->bench > HLRUN_BENCH_MAX) {
        hlrun_fail(HLRUN_USAGE, "--bench: expected 1 to %d calls, but got %s",
                   HLRUN_BENCH_MAX, value);
    }
}


static void
hlrun_set_result(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    if (!hlrun_type_find(value, &options->result)) {
        hlrun_fail(HLRUN_USAGE, "--%s: expected Int, UInt, Long, ULong, "
                   "Float, Double, String, Bool, Void or VecBytes, but got "
                   "%s", option->name, value);
    }

    options->has_result = true;
}


static void
hlrun_set_timeout(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    options->timeout = hlrun_args_number(option, value, hlrun_times,
                                         "a time, such as 500ms or 10s");

    if (options->timeout == 0) {
        hlrun_fail(HLRUN_USAGE, "--timeout: expected more than 0");
    }
}


static void
hlrun_set_log_level(hlrun_options_t *options, const hlrun_option_t *option,
    const char *value)
{
    size_t  i;

    for (i = 0; i < sizeof(hlrun_levels) / sizeof(hlrun_levels[0]); i++) {

        if (strcmp(hlrun_levels[i], value) == 0) {
            options->config.log_level = (hl_log_level_t) i;
            return;
        }
    }

    hlrun_fail(HLRUN_USAGE, "--%s: expected trace, debug, information, "
               "warning, error, critical or none, but got %s", option->name,
               value);
}
