/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_config.c: the defaults of a sandbox's sizes, and their bounds.
 */

#include <string.h>

#include "hl_error.h"
#include "hl_memory.h"


#define HL_KIB  (1ull << 10)
#define HL_MIB  (1ull << 20)
#define HL_GIB  (1ull << 30)


static hl_status_t hl_config_check_sizes(const hl_config_t *config,
    hl_error_t *err);
static bool hl_config_is_function(const hl_host_function_t *f);


void
hl_config_init(hl_config_t *config)
{
    memset(config, 0, sizeof(hl_config_t));

    config->heap = HL_MIB;
    config->stack = 64 * HL_KIB;
    config->input = 128 * HL_KIB;
    config->headers = 32 * HL_KIB;
    config->output = 128 * HL_KIB;
    config->clock = true;
    config->log_level = HL_LOG_WARNING;
}


hl_status_t
hl_config_check(const hl_config_t *config, hl_error_t *err)
{
    size_t  i;

    if (hl_config_check_sizes(config, err) != HL_OK) {
        return err->status;
    }

    if (hl_page_round(config->headers) >= hl_page_round(config->input)) {
        return hl_error_set(err, HL_ERR_ARGUMENT, "\"headers\" is a part of "
                            "\"input\" and must be smaller");
    }

    if (config->log_level > HL_LOG_NONE) {
        return hl_error_set(err, HL_ERR_ARGUMENT,
                            "\"log_level\" is not a level");
    }

    if (config->file_count > HL_FILES_MAX) {
        return hl_error_set(err, HL_ERR_ARGUMENT,
                            "at most %d files can be mapped", HL_FILES_MAX);
    }

    for (i = 0; i < config->function_count; i++) {
        if (!hl_config_is_function(&config->functions[i])) {
            return hl_error_set(err, HL_ERR_ARGUMENT, "host function %zu "
                                "needs a name of 1 to %d bytes, at most %d "
                                "parameters, types that there are, and a "
                                "function", i, HL_ABI_NAME_MAX,
                                HL_ABI_PARAMS_MAX);
        }
    }

    for (i = 0; i < config->raw_function_count; i++) {
        if (config->raw_functions[i].id < HL_RAW_ID_MIN) {
            return hl_error_set(err, HL_ERR_ARGUMENT, "host function ids "
                                "below 0x%x belong to the SDK",
                                HL_RAW_ID_MIN);
        }
    }

    return HL_OK;
}


static hl_status_t
hl_config_check_sizes(const hl_config_t *config, hl_error_t *err)
{
    size_t  i;

    const struct {
        const char  *name;
        size_t       value;
        uint64_t     min;
        uint64_t     max;
        const char  *bounds;

    } sizes[] = {
        { "heap", config->heap, 4 * HL_KIB, 16 * HL_GIB, "4k to 16384m" },
        { "stack", config->stack, 8 * HL_KIB, 64 * HL_MIB, "8k to 64m" },
        { "input", config->input, 8 * HL_KIB, HL_GIB, "8k to 1024m" },
        { "headers", config->headers, 4 * HL_KIB, 16 * HL_MIB,
          "4k to 16m" },
        { "output", config->output, 8 * HL_KIB, HL_GIB, "8k to 1024m" },
        { "init_data", config->init_data_size, 0, HL_GIB, "0 to 1024m" }
    };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i].value < sizes[i].min || sizes[i].value > sizes[i].max) {
            return hl_error_set(err, sizes[i].value < sizes[i].min
                                     ? HL_ERR_MEMORY_TOO_SMALL
                                     : HL_ERR_MEMORY_TOO_BIG,
                                "\"%s\" must be from %s", sizes[i].name,
                                sizes[i].bounds);
        }
    }

    return HL_OK;
}


static bool
hl_config_is_function(const hl_host_function_t *f)
{
    size_t  i, len;

    len = f->name == NULL ? 0 : strlen(f->name);

    if (len == 0 || len > HL_ABI_NAME_MAX || f->function == NULL
        || f->param_count > HL_ABI_PARAMS_MAX || f->result > HL_TYPE_LAST)
    {
        return false;
    }

    for (i = 0; i < f->param_count; i++) {
        if (f->params[i] > HL_TYPE_LAST || f->params[i] == HL_TYPE_VOID) {
            return false;
        }
    }

    return true;
}
