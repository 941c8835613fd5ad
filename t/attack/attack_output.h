/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * attack_output.h: part of t/core/guests/attack.c: the attacks by what is put
 * out.
 */


static hl_abi_output_t *
attack_output(void)
{
    return hl_ptr(hl_abi_output_t, hl_guest.params->output);
}


static uint64_t
call_output_size(void)
{
    attack_output()->size = UINT64_MAX;
    ((void (*)(uint32_t)) (uintptr_t) attack_leave)(HL_HYPERCALL_FLUSH);

    return 0;
}


/* The function table is closed after the first park. */

static uint64_t
call_output_function(void)
{
    memset(hl_record_add(HL_REC_FUNCTION, sizeof(hl_abi_function_t)), 0,
           sizeof(hl_abi_function_t));
    hl_leave(HL_HYPERCALL_FLUSH);

    return 0;
}


/* As many records as there is room for, each of them empty. */

static uint64_t
call_output_records(void)
{
    size_t            i, n;
    hl_abi_record_t  *record;

    n = (hl_guest.params->output_size - sizeof(hl_abi_output_t))
        / sizeof(hl_abi_record_t);
    record = (hl_abi_record_t *) (attack_output() + 1);

    for (i = 0; i < n; i++) {
        record[i].type = HL_REC_PRINT;
        record[i].size = sizeof(hl_abi_record_t);
    }

    attack_output()->size = n * sizeof(hl_abi_record_t);
    ((void (*)(uint32_t)) (uintptr_t) attack_leave)(HL_HYPERCALL_FLUSH);

    return 0;
}


/* ---- a response: no part of what a typed function may put out ---------- */

static void
attack_header(const char *name, size_t name_len, const char *value,
    size_t value_len)
{
    char             *p;
    size_t            size;
    hl_abi_header_t  *head;

    size = sizeof(hl_abi_header_t) + name_len + value_len + 2;
    head = hl_record_add(HL_REC_HEADER, size);
    head->name_len = (uint32_t) name_len;
    head->value_len = (uint32_t) value_len;

    p = (char *) (head + 1);
    memcpy(p, name, name_len);
    p[name_len] = '\0';
    memcpy(p + name_len + 1, value, value_len);
    p[name_len + 1 + value_len] = '\0';
}


static uint64_t
call_output_headers(void)
{
    size_t  i;

    for (i = 0; i < 100000; i++) {
        attack_header("X-Many", 6, "many", 4);
    }

    return 0;
}


static uint64_t
call_output_header_lf(void)
{
    attack_header("X-Odd", 5, "a\r\nX-Injected: b", 17);

    return 0;
}


static uint64_t
call_output_header_nul(void)
{
    attack_header("X-Odd", 5, "a\0b", 3);

    return 0;
}


static uint64_t
call_output_header_name(void)
{
    attack_header("X-Odd\r\n\r\nX", 10, "a", 1);

    return 0;
}


/* Longer than its record, which is the last one of the area. */

static uint64_t
call_output_header_long(void)
{
    hl_abi_header_t  *head;

    head = hl_record_add(HL_REC_HEADER, hl_record_max());
    head->name_len = UINT32_MAX;
    head->value_len = UINT32_MAX;

    return 0;
}


static uint64_t
call_output_status(void)
{
    uint32_t  status;

    status = UINT32_MAX;
    memcpy(hl_record_add(HL_REC_STATUS, sizeof(status)), &status,
           sizeof(status));

    return 0;
}


static uint64_t
call_output_body(void)
{
    while (attack_always) {
        hl_record_stream(HL_REC_BODY, attack_buffer, sizeof(attack_buffer));
    }

    return 0;
}
