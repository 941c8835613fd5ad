/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_time.c: the slice timer and its signal handler.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hl_error.h"
#include "hl_time.h"


/* glibc before 2.38 names the member by its union only */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id  _sigev_un._tid
#endif

#define HL_NS  1000000000ull


/*
 * By signal.  Not the address that a signal carries: any process of the same
 * user can send one with any address.
 */
static hl_timer_t *volatile  hl_timers[_NSIG];


static uint64_t hl_clock(clockid_t id);
static void hl_timer_arm(hl_timer_t *timer, uint64_t expiry);
static void hl_timer_handler(int signo, siginfo_t *info, void *context);


uint64_t
hl_now(void)
{
    return hl_clock(CLOCK_MONOTONIC);
}


uint64_t
hl_now_real(void)
{
    return hl_clock(CLOCK_REALTIME);
}


uint64_t
hl_deadline(uint64_t ns)
{
    uint64_t  deadline;

    return __builtin_add_overflow(hl_now(), ns, &deadline) ? UINT64_MAX
                                                           : deadline;
}


static uint64_t
hl_clock(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (uint64_t) ts.tv_sec * HL_NS + (uint64_t) ts.tv_nsec;
}


hl_status_t
hl_timer_create(hl_timer_t *timer, int signo, hl_error_t *err)
{
    struct sigevent   ev;
    struct sigaction  sa, old;

    if (signo < SIGRTMIN || signo > SIGRTMAX) {
        return hl_error_set(err, HL_ERR_ARGUMENT,
                            "signal %d is not a real-time signal", signo);
    }

    if (sigaction(signo, NULL, &old) == -1) {
        return hl_error_system(err, errno, "sigaction()");
    }

    if ((old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL) {
        return hl_error_set(err, HL_ERR_ARGUMENT,
                            "signal %d is handled already", signo);
    }

    memset(timer, 0, sizeof(hl_timer_t));
    timer->signo = signo;

    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = hl_timer_handler;
    sa.sa_flags = SA_SIGINFO|SA_RESTART;
    (void) sigfillset(&sa.sa_mask);

    hl_timers[signo] = timer;

    if (sigaction(signo, &sa, NULL) == -1) {
        return hl_error_system(err, errno, "sigaction()");
    }

    timer->tid = (pid_t) syscall(SYS_gettid);

    memset(&ev, 0, sizeof(ev));
    ev.sigev_notify = SIGEV_THREAD_ID;
    ev.sigev_signo = signo;
    ev.sigev_notify_thread_id = timer->tid;

    if (timer_create(CLOCK_MONOTONIC, &ev, &timer->id) == -1) {
        (void) hl_error_system(err, errno, "timer_create()");
        (void) sigaction(signo, &old, NULL);
        hl_timers[signo] = NULL;
        return err->status;
    }

    return HL_OK;
}


void
hl_timer_destroy(hl_timer_t *timer)
{
    struct sigaction  sa;

    (void) timer_delete(timer->id);

    /* ignored first: that drops a signal that is pending */

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = SIG_IGN;
    (void) sigaction(timer->signo, &sa, NULL);

    hl_timers[timer->signo] = NULL;

    sa.sa_handler = SIG_DFL;
    (void) sigaction(timer->signo, &sa, NULL);
}


void
hl_timer_begin(hl_timer_t *timer, volatile uint8_t *flag, uint64_t now,
    uint64_t deadline)
{
    uint64_t  half;

    timer->deadline = deadline;
    atomic_signal_fence(memory_order_seq_cst);
    timer->flag = flag;
    atomic_signal_fence(memory_order_seq_cst);

    if (deadline <= now) {
        *flag = 1;
        return;
    }

    half = now + (deadline - now) / 2;

    if (!timer->armed || timer->expiry > deadline || timer->expiry < half) {
        hl_timer_arm(timer, deadline);
    }
}


void
hl_timer_end(hl_timer_t *timer)
{
    timer->flag = NULL;
    atomic_signal_fence(memory_order_seq_cst);
}


void
hl_timer_disarm(hl_timer_t *timer)
{
    if (timer->armed) {
        hl_timer_arm(timer, 0);
    }
}


/* A queued signal, which the handler tells from the timer's. */
void
hl_timer_kick(const hl_timer_t *timer)
{
    siginfo_t  info;

    memset(&info, 0, sizeof(info));
    info.si_signo = timer->signo;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();

    (void) syscall(SYS_rt_tgsigqueueinfo, getpid(), timer->tid,
                   timer->signo, &info);
}


/* At 0: disarms.  Also called by the handler: timer_settime() may be. */
static void
hl_timer_arm(hl_timer_t *timer, uint64_t expiry)
{
    struct itimerspec  its;

    memset(&its, 0, sizeof(its));
    its.it_value.tv_sec = (time_t) (expiry / HL_NS);
    its.it_value.tv_nsec = (long) (expiry % HL_NS);

    /* before the call: the signal may come before it returns */

    timer->expiry = expiry;
    timer->armed = (expiry != 0);
    atomic_signal_fence(memory_order_seq_cst);

    (void) timer_settime(timer->id, TIMER_ABSTIME, &its, NULL);
}


static void
hl_timer_handler(int signo, siginfo_t *info, void *context)
{
    int                err;
    hl_timer_t        *timer;
    volatile uint8_t  *flag;

    (void) context;

    if (info->si_code != SI_TIMER && info->si_code != SI_QUEUE) {
        return;
    }

    timer = hl_timers[signo];

    if (timer == NULL) {
        return;
    }

    flag = timer->flag;

    err = errno;

    if (info->si_code == SI_TIMER) {
        timer->armed = false;
    }

    if (flag != NULL) {
        if (info->si_code == SI_QUEUE || hl_now() >= timer->deadline) {
            *flag = 1;

        } else {
            hl_timer_arm(timer, timer->deadline);
        }
    }

    errno = err;
}
