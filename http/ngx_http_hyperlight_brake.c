/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * ngx_http_hyperlight_brake.c: a guest that fails again and again is not
 * called for a while: "fail_limit N/TIME".
 *
 *     off    N calls fault or time out within TIME    -> on, for TIME
 *     on     TIME is over: one call goes through      -> its trial
 *     trial  the guest has answered                   -> off
 *            it fails                                 -> on, for TIME
 *            nothing was learnt (client gone, say)    -> the next is the trial
 *
 * Calls that began before it went on neither lengthen nor shorten it.  It is
 * of one worker: workers share no state that a guest's failures could spoil.
 */

#include "ngx_http_hyperlight.h"


static void ngx_http_hyperlight_brake_failed(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_brake_t *brake, uint64_t now);


#define ngx_http_hyperlight_brake_time(guest)                                 \
    ((uint64_t) (guest)->fail_time * 1000000)


/* fail_limit N/TIME */

char *
ngx_http_hyperlight_guest_fail_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_hyperlight_guest_t *guest = conf;

    u_char     *slash;
    ngx_int_t   n;
    ngx_str_t  *value, time;

    if (guest->fail_limit) {
        return "is duplicate";
    }

    value = cf->args->elts;

    slash = (u_char *) ngx_strchr(value[1].data, '/');
    if (slash == NULL) {
        goto invalid;
    }

    n = ngx_atoi(value[1].data, (size_t) (slash - value[1].data));

    time.data = slash + 1;
    time.len = (size_t) (value[1].data + value[1].len - time.data);

    guest->fail_time = (ngx_msec_t) ngx_parse_time(&time, 0);

    if (n < 1 || n > NGX_HTTP_HYPERLIGHT_FAILURES_MAX
        || guest->fail_time == (ngx_msec_t) NGX_ERROR)
    {
        goto invalid;
    }

    guest->fail_limit = (ngx_uint_t) n;

    return ngx_http_hyperlight_time_post.post_handler(cf, NULL,
                                                      &guest->fail_time);

invalid:

    return "needs N/TIME, N from 1 to 100, as \"10/10s\"";
}


ngx_int_t
ngx_http_hyperlight_brake(ngx_http_hyperlight_ctx_t *ctx)
{
    uint64_t                      now, left;
    ngx_http_hyperlight_brake_t  *brake;

    if (ctx->pool == NULL || ctx->pool->brake.until == 0) {
        return NGX_OK;
    }

    brake = &ctx->pool->brake;
    now = ngx_http_hyperlight_now();

    if (now >= brake->until && brake->trial == NULL) {
        brake->trial = ctx;
        return NGX_OK;
    }

    left = brake->until - ngx_min(now, brake->until);

    return ngx_http_hyperlight_braked(ctx, (left + 999999999) / 1000000000);
}


void
ngx_http_hyperlight_brake_end(ngx_http_hyperlight_ctx_t *ctx)
{
    ngx_uint_t                    failed;
    ngx_http_hyperlight_brake_t  *brake;

    if (ctx->pool == NULL || ctx->guest->fail_limit == 0) {
        return;
    }

    brake = &ctx->pool->brake;

    failed = ctx->record.outcome == NGX_HTTP_HYPERLIGHT_FAULT
             || ctx->record.outcome == NGX_HTTP_HYPERLIGHT_TIMEOUT;

    if (brake->until == 0) {
        if (failed) {
            ngx_http_hyperlight_brake_failed(ctx, brake,
                                             ngx_http_hyperlight_now());
        }

        return;
    }

    if (brake->trial != ctx) {
        return;
    }

    brake->trial = NULL;

    if (failed) {
        brake->until = ngx_http_hyperlight_now()
                       + ngx_http_hyperlight_brake_time(ctx->guest);
        return;
    }

    if (ctx->record.outcome == NGX_HTTP_HYPERLIGHT_OK
        || ctx->record.outcome == NGX_HTTP_HYPERLIGHT_INVALID)
    {
        brake->until = 0;
        brake->failures = 0;

        ngx_log_error(NGX_LOG_NOTICE, ctx->log, 0,
                      "hyperlight: guest \"%V\" is called again",
                      &ctx->guest->name);
    }
}


static void
ngx_http_hyperlight_brake_failed(ngx_http_hyperlight_ctx_t *ctx,
    ngx_http_hyperlight_brake_t *brake, uint64_t now)
{
    uint64_t                      oldest;
    ngx_http_hyperlight_guest_t  *guest;

    guest = ctx->guest;

    brake->times[brake->failures++ % guest->fail_limit] = now;

    if (brake->failures < guest->fail_limit) {
        return;
    }

    oldest = brake->times[brake->failures % guest->fail_limit];

    if (now - oldest > ngx_http_hyperlight_brake_time(guest)) {
        return;
    }

    brake->until = now + ngx_http_hyperlight_brake_time(guest);

    ngx_log_error(NGX_LOG_ERR, ctx->log, 0,
                  "hyperlight: guest \"%V\" has failed %ui times within %M "
                  "ms: it is not called for %M ms, its locations answer 503",
                  &guest->name, guest->fail_limit,
                  (ngx_msec_t) ((now - oldest) / 1000000), guest->fail_time);
}
