/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * sdk.c: the fixtures that sdk.h describes.
 */

#include <string.h>

#include "sdk.h"


uint64_t       sdk_ticks;
hl_counter_t  *sdk_counter;


static hl_status_t
sdk_text(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    *result = test_string("from the host");

    return HL_OK;
}


static hl_status_t
sdk_bytes(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) err;

    *result = test_bytes("a\0b", 3);

    return HL_OK;
}


static hl_status_t
sdk_fail(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;
    (void) result;

    return hl_error_set(err, HL_ERR_GUEST, "Host function error!");
}


static hl_status_t
sdk_tick(void *data, const hl_value_t *args, size_t n, hl_value_t *result,
    hl_error_t *err)
{
    (void) data;
    (void) args;
    (void) n;

    sdk_ticks++;
    *result = test_int(0);

    return hl_counter_increment(sdk_counter, err);
}


static const hl_host_function_t  sdk_functions[] = {
    { "Text", HL_TYPE_STRING, 0, { 0 }, sdk_text },
    { "Bytes", HL_TYPE_VECBYTES, 0, { 0 }, sdk_bytes },
    { "Fail", HL_TYPE_STRING, 0, { 0 }, sdk_fail },
    { "Tick", HL_TYPE_INT, 0, { 0 }, sdk_tick }
};


void
sdk_config(hl_config_t *config)
{
    hl_config_init(config);

    config->sink = &test_sink;
    config->functions = sdk_functions;
    config->function_count = sizeof(sdk_functions) / sizeof(sdk_functions[0]);
}


void
sdk_open(const char *name, const hl_config_t *config)
{
    hl_config_t  usual;

    if (config == NULL) {
        sdk_config(&usual);
        config = &usual;
    }

    test_open(name, config);
}


void
sdk_restore(void)
{
    test_restore();
    memset(&test_seen, 0, sizeof(test_seen));
}
