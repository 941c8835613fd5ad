/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * metric.c: hl_metric_add(), hl_metric_observe(): records, and no exit.
 *
 * What the host would not take goes out all the same: it counts that.
 */

#include <errno.h>
#include <string.h>

#include "hl_guest.h"


static int hl_metric(hl_metric_kind_t kind, const char *name,
    uint64_t value);
static bool hl_metric_valid(const char *name, size_t len);


int
hl_metric_add(const char *name, uint64_t value)
{
    return hl_metric(HL_METRIC_COUNTER, name, value);
}


int
hl_metric_observe(const char *name, uint64_t value)
{
    return hl_metric(HL_METRIC_HISTOGRAM, name, value);
}


static int
hl_metric(hl_metric_kind_t kind, const char *name, uint64_t value)
{
    size_t            len;
    hl_abi_metric_t  *metric;

    len = strnlen(name, HL_ABI_METRIC_NAME_MAX + 1);

    metric = hl_record_add(HL_REC_METRIC, sizeof(hl_abi_metric_t) + len);
    metric->kind = kind;
    metric->name_len = (uint32_t) len;
    metric->value = value;

    memcpy(metric + 1, name, len);

    if (hl_guest.params->denied & HL_ABI_DENY_METRIC) {
        hl_set_host_error("the guest may not use \"metrics\"");
        errno = EPERM;
        return -1;
    }

    if (!hl_metric_valid(name, len)) {
        hl_set_host_error("the name of a metric is 1 to 64 characters of "
                          "a-z, 0-9 and _, without _total, _count, _sum, "
                          "_bucket at its end");
        errno = EINVAL;
        return -1;
    }

    return 0;
}


/* As the host has it. */

static bool
hl_metric_valid(const char *name, size_t len)
{
    size_t  i, n;

    static const char *const  taken[] = {
        "_total", "_count", "_sum", "_bucket"
    };

    if (len == 0 || len > HL_ABI_METRIC_NAME_MAX) {
        return false;
    }

    for (i = 0; i < len; i++) {
        if (!(name[i] >= 'a' && name[i] <= 'z')
            && !(name[i] >= '0' && name[i] <= '9') && name[i] != '_')
        {
            return false;
        }
    }

    for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        n = strlen(taken[i]);

        if (len >= n && memcmp(name + len - n, taken[i], n) == 0) {
            return false;
        }
    }

    return true;
}
