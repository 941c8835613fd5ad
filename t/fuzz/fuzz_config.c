/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * fuzz_config.c: what stands in "hyperlight_guest NAME { ... }".
 *
 * nginx's ngx_conf_parse() reads the input as it would read a file behind
 * the opening brace; all that the module does with it is the module's.  The
 * files that the seeds name lie in the folder that is the prefix: a guest, a
 * file for init_data, one to be included.
 *
 * Most texts would end at the first mistake, so a part can be left out: with
 * bit 0 of the first byte the guest has its binary already, with bit 1 the
 * closing brace is appended.
 *
 *     input   what is left out (1), text
 */

#include "ngx_fuzz.h"


#define FUZZ_INIT_DATA  "data\n"
#define FUZZ_INCLUDED   "stack 32k;\n"


#define FUZZ_BINARY     1
#define FUZZ_BRACE      2

static ngx_cycle_t   fuzz_cycle;
static hl_guest_t   *fuzz_guest;

/* Of nginx's core module, the only one: it keeps the variables. */
static ngx_http_core_main_conf_t   fuzz_core;
static void                       *fuzz_main_conf[] = { &fuzz_core };
static ngx_http_conf_ctx_t         fuzz_ctx = { fuzz_main_conf, NULL, NULL };

static char          fuzz_prefix[] = "/tmp/hl-fuzz-XXXXXX";


static void
fuzz_write(const char *name, const void *data, size_t size)
{
    FILE  *file;
    char   path[4096];

    (void) snprintf(path, sizeof(path), "%s/%s", fuzz_prefix, name);

    file = fopen(path, "w");
    fuzz_check(file != NULL);
    fuzz_check(fwrite(data, 1, size, file) == size);
    fuzz_check(fclose(file) == 0);
}


/* The smallest guest there is: libFuzzer's seed of the loader. */
static void
fuzz_files(void)
{
    FILE        *file;
    size_t       size;
    u_char       guest[4096];
    hl_error_t   err;

    fuzz_check(mkdtemp(fuzz_prefix) != NULL);

    file = fopen("t/fuzz/corpus/elf/static", "r");
    fuzz_check(file != NULL);
    size = fread(guest, 1, sizeof(guest), file);
    fuzz_check(fclose(file) == 0);

    fuzz_write("g", guest, size);
    fuzz_write("d", FUZZ_INIT_DATA, sizeof(FUZZ_INIT_DATA) - 1);
    fuzz_write("i", FUZZ_INCLUDED, sizeof(FUZZ_INCLUDED) - 1);

    fuzz_check(hl_guest_from_buffer(&fuzz_guest, guest, size, "g", &err)
               == HL_OK);
}


static void
fuzz_remove(void)
{
    size_t  i;
    char    path[4096];

    static const char *const  names[] = { "g", "d", "i" };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void) snprintf(path, sizeof(path), "%s/%s", fuzz_prefix, names[i]);
        (void) unlink(path);
    }

    (void) rmdir(fuzz_prefix);
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static u_char  prefix[sizeof(fuzz_prefix) + 1];

    fuzz_nginx_init();
    fuzz_files();
    fuzz_check(atexit(fuzz_remove) == 0);

    fuzz_cycle.prefix.data = prefix;
    fuzz_cycle.prefix.len = (size_t) (ngx_sprintf(prefix, "%s/", fuzz_prefix)
                                      - prefix);
    fuzz_cycle.conf_prefix = fuzz_cycle.prefix;
    fuzz_cycle.log = &fuzz_log;

    ngx_http_core_module.ctx_index = 0;

    return 0;
}


static void
fuzz_check_grants(const ngx_http_hyperlight_guest_t *guest)
{
    size_t                               i;
    const ngx_str_t                     *name;
    const ngx_http_hyperlight_limits_t  *limits;

    fuzz_check((guest->grants & ~NGX_HTTP_HYPERLIGHT_MAY_ALL) == 0);

    limits = &guest->limits;

    fuzz_check(limits->headers >= 0
               && limits->headers <= NGX_HTTP_HYPERLIGHT_HEADERS_MAX);
    fuzz_check(limits->header_size <= NGX_HTTP_HYPERLIGHT_HEADER_SIZE_MAX);
    fuzz_check(limits->log_lines >= 0
               && limits->log_lines <= NGX_HTTP_HYPERLIGHT_LOG_MAX);
    fuzz_check(limits->host_calls >= 0
               && limits->host_calls <= NGX_HTTP_HYPERLIGHT_HOST_CALLS_MAX);
    fuzz_check(limits->subrequests >= 0
               && limits->subrequests
                  <= NGX_HTTP_HYPERLIGHT_SUBREQUESTS_MAX);

    fuzz_check(guest->fail_limit <= NGX_HTTP_HYPERLIGHT_FAILURES_MAX);
    fuzz_check(guest->fail_limit == 0
               || (guest->fail_time >= 1
                   && guest->fail_time <= NGX_HTTP_HYPERLIGHT_TIME_MAX));

    if (guest->variables) {
        fuzz_check(guest->grants & ngx_http_hyperlight_grant(VARIABLES));
        fuzz_check(guest->variables->nelts >= 1);
        fuzz_check(fuzz_core.variables.nelts >= 1);
    }

    if (guest->hidden) {
        name = guest->hidden->elts;

        for (i = 0; i < guest->hidden->nelts; i++) {
            fuzz_check(name[i].len > 0);
            fuzz_check(ngx_strlchr(name[i].data, name[i].data + name[i].len,
                                   ' ') == NULL);
        }
    }
}


static void
fuzz_check_guest(const ngx_http_hyperlight_guest_t *guest)
{
    hl_error_t  err;

    fuzz_check(hl_config_check(&guest->config, &err) == HL_OK);
    fuzz_check(guest->binary != NULL);
    fuzz_check(guest->sandboxes_min >= 1);
    fuzz_check(guest->sandboxes_max >= guest->sandboxes_min);
    fuzz_check(guest->sandboxes_max <= NGX_HTTP_HYPERLIGHT_SANDBOXES_MAX);
    fuzz_check(guest->queue <= NGX_HTTP_HYPERLIGHT_QUEUE_MAX);
    fuzz_check(guest->queue_timeout >= 1
               && guest->queue_timeout <= NGX_HTTP_HYPERLIGHT_TIME_MAX);
    fuzz_check(guest->slice >= 1
               && guest->slice <= NGX_HTTP_HYPERLIGHT_TIME_MAX);
    fuzz_check(guest->cpu_limit >= 1
               && guest->cpu_limit <= NGX_HTTP_HYPERLIGHT_TIME_MAX);
    fuzz_check(guest->timeout >= 1
               && guest->timeout <= NGX_HTTP_HYPERLIGHT_TIME_MAX);
    fuzz_check(guest->log_level <= HL_LOG_NONE);
    fuzz_check(guest->config.input % ngx_pagesize == 0);
    fuzz_check(guest->config.headers < guest->config.input);

    fuzz_check_grants(guest);
}


/* The text's copy is what nginx's buffer of a file would hold. */
static void
fuzz_file(ngx_conf_t *cf, ngx_conf_file_t *file, ngx_buf_t *b,
    const uint8_t *data, size_t size, ngx_uint_t brace)
{
    ngx_memzero(file, sizeof(ngx_conf_file_t));
    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = ngx_pnalloc(cf->pool, size + brace);
    fuzz_check(b->start != NULL);

    b->pos = b->start;
    b->last = ngx_cpymem(b->start, data, size);

    if (brace) {
        *b->last++ = '}';
    }

    b->end = b->last;
    b->temporary = 1;

    /* all of it was read, so the descriptor is only looked at */

    file->file.fd = STDIN_FILENO;
    ngx_str_set(&file->file.name, "fuzz.conf");
    file->file.offset = b->last - b->start;
    file->file.info.st_size = b->last - b->start;
    file->buffer = b;
    file->line = 1;

    cf->conf_file = file;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_buf_t                         b;
    ngx_str_t                        *arg;
    ngx_conf_t                        cf;
    ngx_conf_file_t                   file;
    ngx_http_hyperlight_guest_t     **guest;
    ngx_http_hyperlight_main_conf_t   hmcf;

    if (size < 1) {
        return 0;
    }

    ngx_memzero(&cf, sizeof(cf));
    ngx_memzero(&hmcf, sizeof(hmcf));

    cf.pool = ngx_create_pool(NGX_CYCLE_POOL_SIZE, &fuzz_log);
    fuzz_check(cf.pool != NULL);

    cf.temp_pool = cf.pool;
    cf.cycle = &fuzz_cycle;
    cf.ctx = &fuzz_ctx;
    ngx_memzero(&fuzz_core, sizeof(fuzz_core));
    fuzz_cycle.pool = cf.pool;
    cf.log = &fuzz_log;
    cf.args = ngx_array_create(cf.pool, 10, sizeof(ngx_str_t));
    fuzz_check(cf.args != NULL);

    fuzz_check(ngx_array_init(&hmcf.guests, cf.pool, 4,
                              sizeof(ngx_http_hyperlight_guest_t *))
               == NGX_OK);

    fuzz_check(ngx_list_init(&fuzz_cycle.shared_memory, cf.pool, 1,
                             sizeof(ngx_shm_zone_t))
               == NGX_OK);

    arg = ngx_array_push_n(cf.args, 2);
    fuzz_check(arg != NULL);
    ngx_str_set(&arg[0], "hyperlight_guest");
    ngx_str_set(&arg[1], "g");

    fuzz_file(&cf, &file, &b, data + 1, size - 1,
              (data[0] & FUZZ_BRACE) ? 1 : 0);

    if (data[0] & FUZZ_BINARY) {
        ngx_http_hyperlight_guest_get(&cf, &hmcf, &arg[1])->binary =
                                                                fuzz_guest;
    }

    if (ngx_http_hyperlight_guest_block(&cf, NULL, &hmcf) == NGX_CONF_OK) {
        guest = hmcf.guests.elts;
        fuzz_check(hmcf.guests.nelts == 1 && hmcf.first == guest[0]);
        fuzz_check_guest(guest[0]);
    }

    ngx_destroy_pool(cf.pool);

    return 0;
}
