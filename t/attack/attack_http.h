/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * attack_http.h: part of t/core/guests/attack.c: the same over HTTP, where
 * what is typed in core are numbers in the arguments, and addresses the body.
 */


static void
http_attack(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_printf(resp, "%llx\n",
                   (unsigned long long) attack(hl_http_args(req).data));
}


static void
http_witness(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    hl_http_printf(resp, "%x\n", witness());
}


/* Keeps in its memory what the host never saw, and waits. */

static void
http_keep(const hl_http_request_t *req, hl_http_response_t *resp)
{
    (void) req;

    attack_word = ATTACK_KEPT;
    attack_soil();
    hl_sleep((uint32_t) strtoul(hl_http_args(req).data, NULL, 10));

    hl_http_printf(resp, "kept\n");
}


static uint64_t
http_number(const hl_http_request_t *req)
{
    return strtoull(hl_http_args(req).data, NULL, 0);
}


static void
http_at(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_printf(resp, "%llx\n",
                   (unsigned long long) attack_at(http_number(req)));
}


static void
http_interrupts(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_Vec  vectors;

    (void) req;

    vectors = interrupts();
    (void) hl_http_write(resp, vectors.data, vectors.len);
}


/* 16 ports from the one that is given. */

static void
http_ports(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_http_printf(resp, "%d\n", (int) ports((int32_t) http_number(req), 16));
}


static void
http_sweep(const hl_http_request_t *req, hl_http_response_t *resp)
{
    hl_Vec          addresses, vectors;
    hl_http_view_t  body;

    body = hl_http_body(req);
    addresses.len = body.len;
    addresses.data = malloc(body.len);
    memcpy(addresses.data, body.data, body.len);

    vectors = sweep((int32_t) http_number(req), addresses);
    (void) hl_http_write(resp, vectors.data, vectors.len);
}


static void
attack_register_http(void)
{
    hl_http_register("attack", http_attack);
    hl_http_register("witness", http_witness);
    hl_http_register("keep", http_keep);
    hl_http_register("at", http_at);
    hl_http_register("interrupts", http_interrupts);
    hl_http_register("ports", http_ports);
    hl_http_register("sweep", http_sweep);
}
