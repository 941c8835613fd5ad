/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * may.c: a guest that asks its host for what the body of its request says,
 * and tells what comes of it, a line for each.  The body is a list of
 * strings, each with its NUL:
 *
 *     "header", name              hl_http_header()
 *     "next"                      all names of hl_http_next_header()
 *     "get", name                 GetHeader
 *     "variable", name            hl_http_variable()
 *     "getvariable", name         GetVariable
 *     "nobody"                    a host function that there is not
 *     "log", "print", "hostprint" some text
 *     "sleep", "flush"
 *     "ask", uri                  hl_http_subrequest()
 *     "set", name                 hl_http_add_header()
 *     "replace", name             hl_http_set_header()
 *     "remove", name              hl_http_remove_header()
 *     "add", name, number         hl_metric_add()
 *     "observe", name, number     hl_metric_observe()
 *     "many", number              the next of these, so many times
 *     "crash", "spin"
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hyperlight_http.h>


typedef struct {
    const char                *next;
    const char                *end;
    const hl_http_request_t   *req;
    hl_http_response_t        *resp;
} words_t;


static const char *
take(words_t *words)
{
    const char  *s;

    if (words->next >= words->end) {
        return "";
    }

    s = words->next;
    words->next += strlen(s) + 1;

    return s;
}


static const char *
why(void)
{
    return errno == EPERM ? "EPERM"
           : errno == ENOENT ? "ENOENT"
           : errno == EINVAL ? "EINVAL"
           : errno == ENOSYS ? "ENOSYS"
           : errno == EIO ? "EIO" : "errno";
}


static void
tell(words_t *words, int bad)
{
    if (bad) {
        hl_http_printf(words->resp, "%s: %s\n", why(), hl_host_error());

    } else {
        hl_http_printf(words->resp, "done\n");
    }
}


static void
tell_view(words_t *words, hl_http_view_t view)
{
    if (view.data != NULL) {
        hl_http_printf(words->resp, "\"%s\" %zu\n", view.data, view.len);

    } else {
        hl_http_printf(words->resp, "nothing\n");
    }
}


/* A host function by its name, with a String. */

static void
call(words_t *words, const char *name, hl_ReturnType type, const char *arg)
{
    hl_Parameter      param;
    hl_FunctionCall   function;
    hl_ReturnValue   *value;

    param.tag = hl_ParameterType_String;
    param.value.String = (char *) (uintptr_t) arg;

    function.function_name = name;
    function.parameters = &param;
    function.parameters_len = 1;
    function.return_type = type;

    value = hl_call_host_function_with_result(&function);

    if (value == NULL) {
        hl_http_printf(words->resp, "error: %s\n", hl_host_error());
        return;
    }

    if (type == hl_ReturnType_String) {
        hl_http_printf(words->resp, "\"%s\"\n", value->value.String);

    } else {
        hl_http_printf(words->resp, "done\n");
    }

    hl_free_return_value(value);
}


static void
names(words_t *words)
{
    hl_http_header_t  h = { 0 };

    while (hl_http_next_header(words->req, &h)) {
        hl_http_printf(words->resp, "%s ", h.name.data);
    }

    hl_http_printf(words->resp, "\n");
}


static void
variable(words_t *words, const char *name)
{
    hl_http_view_t  view;

    errno = 0;
    view = hl_http_variable(name);

    if (view.data == NULL && errno == EPERM) {
        tell(words, 1);

    } else {
        tell_view(words, view);
    }
}


static void
ask(words_t *words, const char *uri)
{
    char                   text[256];
    ssize_t                n;
    hl_http_subrequest_t  *sub;

    sub = hl_http_subrequest("GET", uri, NULL, NULL, 0);

    if (sub == NULL) {
        tell(words, 1);
        return;
    }

    n = hl_http_subrequest_read(sub, text, sizeof(text));
    hl_http_printf(words->resp, "%u %.*s\n", hl_http_subrequest_status(sub),
                   n > 0 ? (int) n : 0, text);

    hl_http_subrequest_close(sub);
}


/* What asks the host at once; false: it is something else. */

static bool
obey_call(words_t *words, const char *what)
{
    if (strcmp(what, "get") == 0) {
        call(words, "GetHeader", hl_ReturnType_String, take(words));

    } else if (strcmp(what, "getvariable") == 0) {
        call(words, "GetVariable", hl_ReturnType_String, take(words));

    } else if (strcmp(what, "variable") == 0) {
        variable(words, take(words));

    } else if (strcmp(what, "nobody") == 0) {
        call(words, "Nobody", hl_ReturnType_Int, "");

    } else if (strcmp(what, "hostprint") == 0) {
        call(words, "HostPrint", hl_ReturnType_Int, "printed by name\n");

    } else if (strcmp(what, "sleep") == 0) {
        tell(words, hl_sleep(1));

    } else if (strcmp(what, "flush") == 0) {
        tell(words, hl_http_flush(words->resp));

    } else if (strcmp(what, "ask") == 0) {
        ask(words, take(words));

    } else {
        return false;
    }

    return true;
}


static void
obey(words_t *words, const char *what)
{
    const char  *name;

    if (obey_call(words, what)) {
        return;
    }

    if (strcmp(what, "header") == 0) {
        tell_view(words, hl_http_header(words->req, take(words)));

    } else if (strcmp(what, "next") == 0) {
        names(words);

    } else if (strcmp(what, "log") == 0) {
        LOG(hl_Level_Error, "some words");

    } else if (strcmp(what, "print") == 0) {
        printf("printed\n");
        fflush(stdout);

    } else if (strcmp(what, "set") == 0) {
        tell(words, hl_http_add_header(words->resp, take(words), "value"));

    } else if (strcmp(what, "replace") == 0) {
        tell(words, hl_http_set_header(words->resp, take(words), "value"));

    } else if (strcmp(what, "remove") == 0) {
        tell(words, hl_http_remove_header(words->resp, take(words)));

    } else if (strcmp(what, "add") == 0) {
        name = take(words);
        tell(words, hl_metric_add(name, strtoull(take(words), NULL, 10)));

    } else if (strcmp(what, "observe") == 0) {
        name = take(words);
        tell(words, hl_metric_observe(name, strtoull(take(words), NULL, 10)));

    } else if (strcmp(what, "crash") == 0) {
        __builtin_trap();

    } else if (strcmp(what, "spin") == 0) {
        for ( ;; ) {
            __asm__ volatile ("");
        }
    }
}


static void
may(const hl_http_request_t *req, hl_http_response_t *resp)
{
    words_t         words, again;
    const char     *what;
    unsigned long   n;
    hl_http_view_t  body;

    body = hl_http_body(req);
    words.next = body.data;
    words.end = body.data + body.len;
    words.req = req;
    words.resp = resp;

    while (words.next < words.end) {
        what = take(&words);

        if (strcmp(what, "many") == 0) {
            n = strtoul(take(&words), NULL, 10);
            again = words;

            while (n-- > 1) {
                words = again;
                obey(&words, take(&words));
            }

            words = again;
            continue;
        }

        obey(&words, what);
    }
}


void
hyperlight_main(void)
{
    (void) hl_metric_add("declared", 7);

    hl_http_register("may", may);
}
