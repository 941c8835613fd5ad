/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * test_hardening.c: what the host keeps of a guest is out of reach for
 * others: its mappings and its descriptors, as the kernel shows them in
 * /proc/self.  (CPUID, CR0 to CR4: test_cpuid.c; MSRs: test_attack_sweep.c;
 * the same of a worker of nginx: t/attack.t.)
 */

#define _GNU_SOURCE

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hl_guest.h"
#include "hl_memory.h"
#include "test.h"


#define MAPS_MAX   4096
#define MAP_LINE   1024
#define MAP_FLAGS  256

#define SEALS      (F_SEAL_WRITE|F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_SEAL)


typedef struct {
    uintptr_t  start;
    uintptr_t  end;
    char       perms[5];
    char       flags[MAP_FLAGS];        /* " rd wr mr ... " */
} map_t;


static map_t   maps[MAPS_MAX];
static size_t  map_count;


/* ---- mappings ---------------------------------------------------------- */

static void
maps_read(void)
{
    int     fields;
    char    line[MAP_LINE], perms[5];
    FILE   *file;
    map_t  *m;

    unsigned long  start, end;

    file = fopen("/proc/self/smaps", "re");
    assert_non_null(file);

    m = NULL;
    map_count = 0;

    while (fgets(line, sizeof(line), file) != NULL) {
        fields = sscanf(line, "%lx-%lx %4s", &start, &end, perms);

        if (fields == 3) {
            assert_true(map_count < MAPS_MAX);
            m = &maps[map_count++];
            m->start = start;
            m->end = end;
            memcpy(m->perms, perms, sizeof(perms));
            m->flags[0] = '\0';

        } else if (m != NULL && strncmp(line, "VmFlags:", 8) == 0) {
            (void) snprintf(m->flags, sizeof(m->flags), "%.250s", line + 8);
        }
    }

    (void) fclose(file);
}


static bool
map_has(const map_t *m, const char *flag)
{
    char  word[8];

    (void) snprintf(word, sizeof(word), " %s ", flag);

    return strstr(m->flags, word) != NULL;
}


static const map_t *
map_at(uintptr_t address)
{
    size_t  i;

    for (i = 0; i < map_count; i++) {
        if (address >= maps[i].start && address < maps[i].end) {
            return &maps[i];
        }
    }

    return NULL;
}


/* All of [p, p + size): not executable, not dumped, not forked. */
static void
assert_kept(const void *p, size_t size, bool writable)
{
    uintptr_t     address;
    const map_t  *m;

    for (address = (uintptr_t) p; address < (uintptr_t) p + size;
         address = m->end)
    {
        m = map_at(address);
        assert_non_null(m);

        assert_int_equal(m->perms[0], 'r');
        assert_int_equal(m->perms[1], writable ? 'w' : '-');
        assert_int_equal(m->perms[2], '-');

        assert_true(map_has(m, "dd"));
        assert_true(map_has(m, "dc"));
        assert_false(map_has(m, "mg"));         /* KSM */
    }
}


/* A page on both sides that nobody can touch. */
static void
assert_guarded(const void *p, size_t size)
{
    size_t        i;
    const map_t  *m;

    const uintptr_t  around[] = {
        (uintptr_t) p - 1, (uintptr_t) p - HL_PAGE_SIZE,
        (uintptr_t) p + size, (uintptr_t) p + size + HL_PAGE_SIZE - 1
    };

    for (i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        m = map_at(around[i]);
        assert_non_null(m);
        assert_string_equal(m->perms, "---p");
    }
}


static void
assert_all_kept(const hl_sandbox_t *sb)
{
    const hl_layout_t  *l;

    l = &sb->image->layout;

    maps_read();
    assert_kept(sb->rw, l->rw_size, true);
    assert_kept(sb->image->ro, l->ro_size, false);
    assert_kept(test_snapshot->pages, l->rw_size, false);
}


static void
guest_memory_is_neither_executable_nor_dumped_nor_forked(void **state)
{
    (void) state;

    assert_all_kept(test_sb);
}


/* A sandbox that was never frozen, and one that was put on a snapshot. */
static void
so_is_that_of_new_and_of_restored_sandboxes(void **state)
{
    hl_sandbox_t  *sb;

    (void) state;

    sb = test_evolved(TEST_PROBE, NULL);
    assert_all_kept(sb);

    assert_ok(hl_sandbox_restore(sb, test_snapshot, &test_err));
    assert_all_kept(sb);
    hl_sandbox_destroy(sb);

    assert_int_equal(test_call_int_1(test_sb, "DirtyPages", 500), 500);
    test_restore();
    assert_all_kept(test_sb);

    assert_status(test_fault(test_sb, "null"), HL_ERR_FAULT);
    test_restore();
    assert_all_kept(test_sb);
}


static void
guest_memory_has_a_guard_page_on_both_sides(void **state)
{
    const hl_layout_t  *l;

    (void) state;

    l = &test_sb->image->layout;

    maps_read();
    assert_guarded(test_sb->rw, l->rw_size);
    assert_guarded(test_sb->image->ro, l->ro_size);
    assert_guarded(test_snapshot->pages, l->rw_size);
}


/* The page that KVM shares has the guest's registers. */
static void
registers_are_kept_as_guest_memory_is(void **state)
{
    (void) state;

    maps_read();
    assert_kept(test_sb->vm->run, test_host->kvm.run_size, true);
}


/* A child process has none of it. */
static void
guest_memory_is_not_in_a_forked_process(void **state)
{
    int    status;
    pid_t  pid;

    (void) state;

    pid = fork();
    assert_int_not_equal(pid, -1);

    if (pid == 0) {
        maps_read();
        _exit(map_at((uintptr_t) test_sb->rw) != NULL
              || map_at((uintptr_t) test_sb->image->ro) != NULL
              || map_at((uintptr_t) test_snapshot->pages) != NULL
              || map_at((uintptr_t) test_sb->vm->run) != NULL);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}


/* ---- descriptors ------------------------------------------------------- */

static const char *
descriptor_path(const char *name, char *path, size_t size)
{
    char     link[64];
    ssize_t  n;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%.16s", name);
    n = readlink(link, path, size - 1);
    path[n > 0 ? n : 0] = '\0';

    return path;
}


/* Of all that there are: "what" begins the file's name. */
static size_t
descriptors_checked(const char *what, void (*check)(int fd))
{
    DIR            *dir;
    char            path[256];
    size_t          n;
    struct dirent  *entry;

    dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    n = 0;

    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(descriptor_path(entry->d_name, path, sizeof(path)),
                    what, strlen(what))
            == 0)
        {
            check((int) strtol(entry->d_name, NULL, 10));
            n++;
        }
    }

    (void) closedir(dir);

    return n;
}


static void
check_cloexec(int fd)
{
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}


static void
check_sealed(int fd)
{
    assert_int_equal(fcntl(fd, F_GET_SEALS), SEALS);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
}


static void
every_descriptor_is_closed_by_exec(void **state)
{
    (void) state;

    assert_int_equal(descriptors_checked(HL_KVM_DEVICE, check_cloexec), 1);
    assert_int_equal(descriptors_checked("anon_inode:kvm-vm", check_cloexec),
                     1);
    assert_int_equal(descriptors_checked("anon_inode:kvm-vcpu",
                                         check_cloexec), 1);
    assert_int_equal(descriptors_checked("/memfd:hl-", check_cloexec), 1);
}


static void
every_memfd_is_sealed(void **state)
{
    hl_guest_t    *guest;
    hl_sandbox_t  *sb;

    (void) state;

    guest = test_guest(TEST_PROBE);
    sb = test_evolved(TEST_PROBE, NULL);

    assert_int_equal(descriptors_checked("/memfd:hl-guest", check_sealed), 1);
    assert_int_equal(descriptors_checked("/memfd:hl-snapshot", check_sealed),
                     1);
    assert_int_equal(descriptors_checked("/memfd:hl-", check_cloexec), 2);

    hl_sandbox_destroy(sb);
    hl_guest_destroy(guest);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test_sandbox(guest_memory_is_neither_executable_nor_dumped_nor_forked),
        test_sandbox(so_is_that_of_new_and_of_restored_sandboxes),
        test_sandbox(guest_memory_has_a_guard_page_on_both_sides),
        test_sandbox(registers_are_kept_as_guest_memory_is),
        test_sandbox(guest_memory_is_not_in_a_forked_process),
        test_sandbox(every_descriptor_is_closed_by_exec),
        test_sandbox(every_memfd_is_sealed)
    };

    return cmocka_run_group_tests_name("hardening", tests, test_group_probe,
                                       test_group_end);
}
