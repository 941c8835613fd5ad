/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_memory.c: sealed memfds, and mappings between guard pages.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hl_error.h"
#include "hl_memory.h"


#define HL_HOLE_MIN    65536    /* bytes; smaller ones are left alone */
#define HL_HOLES_MAX   64       /* each is a mapping of its own */


static hl_status_t hl_map_holes(uint8_t *base, size_t size, int fd, int prot,
    hl_error_t *err);
static hl_status_t hl_map_at(uint8_t *base, size_t size, int fd, int prot,
    hl_error_t *err);


hl_status_t
hl_memfd_create(int *fd, const char *name, size_t size, hl_error_t *err)
{
    int  f;

    f = memfd_create(name, MFD_CLOEXEC|MFD_ALLOW_SEALING);
    if (f == -1) {
        return hl_error_system(err, errno, "memfd_create()");
    }

    if (ftruncate(f, (off_t) size) == -1) {
        (void) hl_error_system(err, errno, "ftruncate() of a memfd");
        (void) close(f);
        return err->status;
    }

    *fd = f;

    return HL_OK;
}


hl_status_t
hl_memfd_write(int fd, const void *data, size_t len, uint64_t offset,
    hl_error_t *err)
{
    ssize_t         n;
    const uint8_t  *p;

    p = data;

    while (len > 0) {
        n = pwrite(fd, p, len, (off_t) offset);

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return hl_error_system(err, errno, "pwrite() to a memfd");
        }

        p += n;
        len -= (size_t) n;
        offset += (uint64_t) n;
    }

    return HL_OK;
}


hl_status_t
hl_file_open(int *file, size_t *size, const char *path, const char *prefix,
    hl_error_t *err)
{
    int          fd;
    struct stat  st;

    /* O_NONBLOCK: opening a FIFO must not wait for its writer */

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1) {
        return hl_error_set(err, HL_ERR_GUEST_FILE,
                            "%s not found: '%s': %s", prefix, path,
                            strerror(errno));
    }

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        (void) hl_error_set(err, HL_ERR_GUEST_FILE,
                            "\"%s\" is not a regular file", path);

    } else if (st.st_size == 0 || st.st_size > HL_FILE_MAX) {
        (void) hl_error_set(err, HL_ERR_GUEST_FILE, "\"%s\" is %s", path,
                            st.st_size == 0 ? "empty" : "over 256 MiB");

    } else {
        *file = fd;
        *size = (size_t) st.st_size;
        return HL_OK;
    }

    (void) close(fd);

    return err->status;
}


hl_status_t
hl_memfd_copy(int fd, uint64_t offset, int file, size_t size,
    const char *path, hl_error_t *err)
{
    char     buf[65536];
    size_t   done, want;
    ssize_t  n;

    for (done = 0; done < size; done += (size_t) n) {
        want = size - done;

        do {
            n = pread(file, buf, want < sizeof(buf) ? want : sizeof(buf),
                      (off_t) done);
        } while (n == -1 && errno == EINTR);

        if (n <= 0) {
            return hl_error_set(err, HL_ERR_GUEST_FILE,
                                "reading \"%s\" failed: %s", path,
                                n == 0 ? "it became shorter"
                                       : strerror(errno));
        }

        if (hl_memfd_write(fd, buf, (size_t) n, offset + done, err)
            != HL_OK)
        {
            return err->status;
        }
    }

    return HL_OK;
}


hl_status_t
hl_memfd_seal(int fd, hl_error_t *err)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE|F_SEAL_SHRINK|F_SEAL_GROW
                               |F_SEAL_SEAL)
        == -1)
    {
        return hl_error_system(err, errno, "fcntl(F_ADD_SEALS)");
    }

    return HL_OK;
}


hl_status_t
hl_map(uint8_t **base, size_t size, int fd, hl_map_access_t access,
    hl_error_t *err)
{
    int       prot;
    uint8_t  *p;

    p = mmap(NULL, size + 2 * HL_PAGE_SIZE, PROT_NONE,
             MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return hl_error_system(err, errno, "mmap() of guest memory");
    }

    p += HL_PAGE_SIZE;
    prot = PROT_READ | (access == HL_MAP_WRITE ? PROT_WRITE : 0);

    if (hl_map_at(p, size, fd, prot, err) != HL_OK) {
        hl_unmap(p, size);
        return err->status;
    }

    *base = p;

    return HL_OK;
}


hl_status_t
hl_remap(uint8_t *base, size_t size, int fd, hl_error_t *err)
{
    return hl_map_at(base, size, fd, PROT_READ|PROT_WRITE, err);
}


static hl_status_t
hl_map_at(uint8_t *base, size_t size, int fd, int prot, hl_error_t *err)
{
    int  flags;

    flags = MAP_PRIVATE|MAP_FIXED|MAP_NORESERVE
            | (fd == -1 ? MAP_ANONYMOUS : 0);

    if (mmap(base, size, prot, flags, fd, 0) == MAP_FAILED) {
        return hl_error_system(err, errno, "mmap() of guest memory");
    }

    if (fd != -1 && hl_map_holes(base, size, fd, prot, err) != HL_OK) {
        return err->status;
    }

    if (madvise(base, size, MADV_DONTFORK) == -1
        || madvise(base, size, MADV_DONTDUMP) == -1)
    {
        return hl_error_system(err, errno, "madvise() of guest memory");
    }

    /* EINVAL of a kernel without KSM or huge pages: nothing to keep out */

    (void) madvise(base, size, MADV_UNMERGEABLE);
    (void) madvise(base, size, MADV_NOHUGEPAGE);

    return HL_OK;
}


/*
 * A hole of a memfd that is read or written through a private mapping gets a
 * page in the memfd, which nothing gives back while the memfd lives.  Holes
 * are mapped as anonymous memory, which is zero as well.
 */
static hl_status_t
hl_map_holes(uint8_t *base, size_t size, int fd, int prot, hl_error_t *err)
{
    int    i;
    off_t  hole, data;

    data = 0;

    for (i = 0; i < HL_HOLES_MAX; i++) {
        hole = lseek(fd, data, SEEK_HOLE);

        if (hole == -1 || (size_t) hole >= size) {
            break;
        }

        data = lseek(fd, hole, SEEK_DATA);

        if (data == -1 || (size_t) data > size) {
            data = (off_t) size;        /* ENXIO: a hole up to the end */
        }

        if (data - hole >= HL_HOLE_MIN
            && mmap(base + hole, (size_t) (data - hole), prot,
                    MAP_PRIVATE|MAP_FIXED|MAP_NORESERVE|MAP_ANONYMOUS, -1, 0)
               == MAP_FAILED)
        {
            return hl_error_system(err, errno, "mmap() of guest memory");
        }
    }

    return HL_OK;
}


void
hl_unmap(uint8_t *base, size_t size)
{
    if (base != NULL) {
        (void) munmap(base - HL_PAGE_SIZE, size + 2 * HL_PAGE_SIZE);
    }
}
