/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_elf.c: which ELF files are guests.  libelf reads the structures, this
 * file decides: static or static PIE, W^X, no TLS, no interpreter, only
 * relative relocations, and the ABI note that hlcc writes.
 */

#include <gelf.h>
#include <string.h>

#include "hl_elf.h"
#include "hl_error.h"
#include "hl_layout.h"
#include "hl_memory.h"


#define HL_ELF_PHDRS_MAX  64
#define HL_ELF_NOTES_MAX  16


/* The file, while it is parsed. */
typedef struct {
    hl_elf_t       *elf;
    Elf            *handle;
    const uint8_t  *data;
    size_t          size;
    const char     *name;
    GElf_Ehdr       ehdr;
    GElf_Phdr       dynamic;        /* p_type PT_NULL: there is none */
    unsigned        notes;          /* segments of them */
    bool            noted;          /* with the ABI note among them */
} hl_elf_file_t;


static hl_status_t hl_elf_ident(hl_elf_file_t *f, hl_error_t *err);
static hl_status_t hl_elf_header(hl_elf_file_t *f, hl_error_t *err);
static hl_status_t hl_elf_segments(hl_elf_file_t *f, hl_error_t *err);
static hl_status_t hl_elf_segment(hl_elf_file_t *f, const GElf_Phdr *phdr,
    hl_error_t *err);
static hl_status_t hl_elf_load(hl_elf_file_t *f, const GElf_Phdr *phdr,
    hl_error_t *err);
static hl_status_t hl_elf_overlap(hl_elf_file_t *f, hl_error_t *err);
static hl_status_t hl_elf_note(hl_elf_file_t *f, const GElf_Phdr *phdr,
    hl_error_t *err);
static hl_status_t hl_elf_dynamic(hl_elf_file_t *f, const GElf_Phdr *phdr,
    hl_error_t *err);
static hl_status_t hl_elf_relocations(hl_elf_file_t *f, uint64_t rela,
    uint64_t rela_size, hl_error_t *err);
static bool hl_elf_inside(const hl_elf_t *elf, uint64_t gva, uint64_t len,
    bool in_file, const hl_segment_t **segment);
static hl_status_t hl_elf_refuse(hl_elf_file_t *f, const char *why,
    hl_error_t *err);
static hl_status_t hl_elf_unreadable(hl_elf_file_t *f,
    const GElf_Phdr *phdr, const char *what, hl_error_t *err);


hl_status_t
hl_elf_parse(hl_elf_t *elf, const void *data, size_t size, const char *name,
    hl_error_t *err)
{
    hl_status_t    status;
    hl_elf_file_t  f;

    memset(elf, 0, sizeof(hl_elf_t));
    memset(&f, 0, sizeof(hl_elf_file_t));

    f.elf = elf;
    f.data = data;
    f.size = size;
    f.name = name;

    if (size < EI_NIDENT || memcmp(data, ELFMAG, SELFMAG) != 0) {
        return hl_elf_refuse(&f, "is not an ELF file", err);
    }

    if (hl_elf_ident(&f, err) != HL_OK) {
        return err->status;
    }

    if (elf_version(EV_CURRENT) == EV_NONE) {
        return hl_elf_refuse(&f, "cannot be read: libelf is too old", err);
    }

    /* elf_memory() reads only; its parameter is not const by history */

    f.handle = elf_memory((char *) (uintptr_t) data, size);
    if (f.handle == NULL) {
        return hl_elf_refuse(&f, elf_errmsg(-1), err);
    }

    status = hl_elf_header(&f, err);

    if (status == HL_OK) {
        status = hl_elf_segments(&f, err);
    }

    (void) elf_end(f.handle);

    return status;
}


void
hl_elf_relocation(const hl_elf_t *elf, const void *data, uint64_t i,
    uint64_t *gva, uint64_t *value)
{
    Elf64_Rela  rela;

    memcpy(&rela, (const uint8_t *) data + elf->rela_offset
                  + i * sizeof(Elf64_Rela), sizeof(Elf64_Rela));

    *gva = rela.r_offset + elf->bias;
    *value = (uint64_t) rela.r_addend + elf->bias;
}


/* What libelf would refuse, or read another way, in words of its own. */
static hl_status_t
hl_elf_ident(hl_elf_file_t *f, hl_error_t *err)
{
    const uint8_t  *ident;

    ident = f->data;

    if (ident[EI_CLASS] != ELFCLASS64) {
        return hl_elf_refuse(f, "is not a 64-bit ELF file", err);
    }

    if (ident[EI_DATA] != ELFDATA2LSB) {
        return hl_elf_refuse(f, "is not little-endian", err);
    }

    if (f->size < sizeof(Elf64_Ehdr)) {
        return hl_elf_refuse(f, "is truncated: no whole ELF header", err);
    }

    return HL_OK;
}


static hl_status_t
hl_elf_header(hl_elf_file_t *f, hl_error_t *err)
{
    uint64_t  end;

    if (gelf_getehdr(f->handle, &f->ehdr) == NULL) {
        return hl_elf_refuse(f, elf_errmsg(-1), err);
    }

    if (f->ehdr.e_machine != EM_X86_64) {
        return hl_elf_refuse(f, "is not for x86-64", err);
    }

    if (f->ehdr.e_type != ET_EXEC && f->ehdr.e_type != ET_DYN) {
        return hl_elf_refuse(f, f->ehdr.e_type == ET_REL
                                ? "is an object file, not linked yet"
                                : "is not an executable", err);
    }

    if (f->ehdr.e_entry == 0) {
        return hl_elf_refuse(f, "has no entry point", err);
    }

    if (f->ehdr.e_phnum == 0 || f->ehdr.e_phnum > HL_ELF_PHDRS_MAX
        || f->ehdr.e_phentsize != sizeof(Elf64_Phdr))
    {
        return hl_elf_refuse(f, "has no usable program headers", err);
    }

    if (__builtin_add_overflow(f->ehdr.e_phoff,
                               f->ehdr.e_phnum * sizeof(Elf64_Phdr), &end)
        || end > f->size)
    {
        return hl_elf_refuse(f, "is truncated: program headers", err);
    }

    f->elf->bias = f->ehdr.e_type == ET_DYN ? HL_IMAGE_BIAS : 0;
    f->elf->entry = f->ehdr.e_entry + f->elf->bias;

    return HL_OK;
}


/* The segments one by one, then together, then what needs them. */
static hl_status_t
hl_elf_segments(hl_elf_file_t *f, hl_error_t *err)
{
    int                  i;
    GElf_Phdr            phdr;
    const hl_segment_t  *segment;

    for (i = 0; i < f->ehdr.e_phnum; i++) {
        if (gelf_getphdr(f->handle, i, &phdr) == NULL) {
            return hl_elf_refuse(f, "has unreadable program headers", err);
        }

        if (hl_elf_segment(f, &phdr, err) != HL_OK) {
            return err->status;
        }
    }

    if (hl_elf_overlap(f, err) != HL_OK) {
        return err->status;
    }

    if (!hl_elf_inside(f->elf, f->elf->entry, 1, true, &segment)
        || !segment->executable)
    {
        return hl_elf_refuse(f, "has its entry point outside of its code",
                             err);
    }

    if (f->dynamic.p_type == PT_DYNAMIC
        && hl_elf_dynamic(f, &f->dynamic, err) != HL_OK)
    {
        return err->status;
    }

    if (!f->noted) {
        return hl_elf_refuse(f, "was not built with hlcc: it has no ABI "
                             "note", err);
    }

    return HL_OK;
}


static hl_status_t
hl_elf_segment(hl_elf_file_t *f, const GElf_Phdr *phdr, hl_error_t *err)
{
    switch (phdr->p_type) {

    case PT_INTERP:
        return hl_elf_refuse(f, "is dynamically linked: it names an "
                             "interpreter", err);

    case PT_TLS:
        return hl_elf_refuse(f, "uses thread-local storage, which guests do "
                             "not have", err);

    case PT_LOAD:
        return hl_elf_load(f, phdr, err);

    case PT_DYNAMIC:
        f->dynamic = *phdr;
        return HL_OK;

    case PT_NOTE:
        return ++f->notes <= HL_ELF_NOTES_MAX ? hl_elf_note(f, phdr, err)
                                              : HL_OK;

    default:
        return HL_OK;
    }
}


static hl_status_t
hl_elf_load(hl_elf_file_t *f, const GElf_Phdr *phdr, hl_error_t *err)
{
    uint64_t       end, gva;
    hl_segment_t  *s;

    if (phdr->p_memsz == 0) {
        return HL_OK;
    }

    if (f->elf->segment_count == HL_ELF_SEGMENTS_MAX) {
        return hl_elf_refuse(f, "has over 16 segments", err);
    }

    if ((phdr->p_flags & PF_W) && (phdr->p_flags & PF_X)) {
        return hl_elf_refuse(f, "has a segment both writable and "
                             "executable", err);
    }

    if (phdr->p_filesz > phdr->p_memsz) {
        return hl_elf_refuse(f, "has a segment larger in the file than in "
                             "memory", err);
    }

    if (__builtin_add_overflow(phdr->p_offset, phdr->p_filesz, &end)
        || end > f->size)
    {
        return hl_elf_refuse(f, "is truncated: a segment ends behind the "
                             "file", err);
    }

    if (__builtin_add_overflow(phdr->p_vaddr, f->elf->bias, &gva)
        || __builtin_add_overflow(gva, phdr->p_memsz, &end)
        || gva < HL_IMAGE_MIN || end > HL_IMAGE_END)
    {
        return hl_error_set(err, HL_ERR_GUEST_FILE,
                            "\"%s\" has a segment outside of 0x%llx to "
                            "0x%llx", f->name,
                            (unsigned long long) HL_IMAGE_MIN,
                            (unsigned long long) HL_IMAGE_END - 1);
    }

    s = &f->elf->segments[f->elf->segment_count++];

    s->gva = gva;
    s->mem_size = phdr->p_memsz;
    s->offset = phdr->p_offset;
    s->file_size = phdr->p_filesz;
    s->writable = (phdr->p_flags & PF_W) != 0;
    s->executable = (phdr->p_flags & PF_X) != 0;

    return HL_OK;
}


static hl_status_t
hl_elf_overlap(hl_elf_file_t *f, hl_error_t *err)
{
    size_t               i, j;
    uint64_t             first;
    const hl_segment_t  *a, *b;

    /* by whole pages, since a page has one set of permissions */

    for (i = 0; i < f->elf->segment_count; i++) {
        a = &f->elf->segments[i];
        first = hl_page_floor(a->gva);

        for (j = 0; j < f->elf->segment_count; j++) {
            b = &f->elf->segments[j];

            if (j != i && hl_page_floor(b->gva) >= first
                && hl_page_floor(b->gva)
                   < hl_page_round(a->gva + a->mem_size))
            {
                return hl_elf_refuse(f, "has segments that overlap or share "
                                     "a page", err);
            }
        }
    }

    return HL_OK;
}


static hl_status_t
hl_elf_note(hl_elf_file_t *f, const GElf_Phdr *phdr, hl_error_t *err)
{
    size_t      pos, next, name, desc;
    uint32_t    version;
    Elf_Data   *data;
    GElf_Nhdr   nhdr;

    if (phdr->p_filesz == 0) {
        return HL_OK;
    }

    data = elf_getdata_rawchunk(f->handle, (int64_t) phdr->p_offset,
                                phdr->p_filesz, ELF_T_NHDR);
    if (data == NULL) {
        return hl_elf_unreadable(f, phdr, "notes", err);
    }

    for (pos = 0; pos < data->d_size; pos = next) {

        next = gelf_getnote(data, pos, &nhdr, &name, &desc);
        if (next == 0) {
            break;
        }

        if (nhdr.n_type != HL_ABI_NOTE_TYPE
            || nhdr.n_namesz != sizeof(HL_ABI_NOTE_OWNER)
            || memcmp((const char *) data->d_buf + name, HL_ABI_NOTE_OWNER,
                      sizeof(HL_ABI_NOTE_OWNER))
               != 0
            || nhdr.n_descsz != sizeof(version))
        {
            continue;
        }

        memcpy(&version, (const char *) data->d_buf + desc, sizeof(version));

        if (version != HL_ABI_VERSION) {
            return hl_error_set(err, HL_ERR_GUEST_FILE,
                                "\"%s\" was built for ABI version %u, this "
                                "host has version %u: build it anew with "
                                "this version's hlcc", f->name,
                                (unsigned) version, HL_ABI_VERSION);
        }

        f->noted = true;
    }

    return HL_OK;
}


static hl_status_t
hl_elf_dynamic(hl_elf_file_t *f, const GElf_Phdr *phdr, hl_error_t *err)
{
    int        i;
    Elf_Data  *data;
    GElf_Dyn   dyn;
    uint64_t   rela, rela_size;

    data = elf_getdata_rawchunk(f->handle, (int64_t) phdr->p_offset,
                                phdr->p_filesz, ELF_T_DYN);
    if (data == NULL) {
        return hl_elf_unreadable(f, phdr, "dynamic section", err);
    }

    rela = 0;
    rela_size = 0;

    for (i = 0; gelf_getdyn(data, i, &dyn) != NULL; i++) {

        switch (dyn.d_tag) {

        case DT_NULL:
            return hl_elf_relocations(f, rela, rela_size, err);

        case DT_NEEDED:
            return hl_elf_refuse(f, "is dynamically linked: it needs a "
                                 "shared library", err);

        case DT_RELA:
            rela = dyn.d_un.d_ptr;
            break;

        case DT_RELASZ:
            rela_size = dyn.d_un.d_val;
            break;

        case DT_TEXTREL:
            return hl_elf_refuse(f, "has relocations in its code", err);

        case DT_REL:
        case DT_JMPREL:
        case DT_RELR:
            return hl_elf_refuse(f, "has relocations of a kind that guests "
                                 "do not have: only R_X86_64_RELATIVE in "
                                 "DT_RELA", err);

        default:
            break;
        }
    }

    return hl_elf_relocations(f, rela, rela_size, err);
}


static hl_status_t
hl_elf_relocations(hl_elf_file_t *f, uint64_t rela, uint64_t rela_size,
    hl_error_t *err)
{
    uint64_t             i, gva, value;
    Elf64_Rela           r;
    const hl_segment_t  *table, *target;

    if (rela_size == 0) {
        return HL_OK;
    }

    rela += f->elf->bias;

    if (rela_size % sizeof(Elf64_Rela) != 0
        || !hl_elf_inside(f->elf, rela, rela_size, true, &table))
    {
        return hl_elf_refuse(f, "has a relocation table that is no part of "
                             "its segments", err);
    }

    f->elf->rela_offset = table->offset + (rela - table->gva);
    f->elf->rela_count = rela_size / sizeof(Elf64_Rela);

    for (i = 0; i < f->elf->rela_count; i++) {
        memcpy(&r, f->data + f->elf->rela_offset + i * sizeof(Elf64_Rela),
               sizeof(Elf64_Rela));

        if (ELF64_R_TYPE(r.r_info) != R_X86_64_RELATIVE) {
            return hl_error_set(err, HL_ERR_GUEST_FILE,
                                "\"%s\" has a relocation of type %u, only "
                                "R_X86_64_RELATIVE is possible", f->name,
                                (unsigned) ELF64_R_TYPE(r.r_info));
        }

        hl_elf_relocation(f->elf, f->data, i, &gva, &value);

        if (!hl_elf_inside(f->elf, gva, sizeof(uint64_t), false, &target)
            || !target->writable)
        {
            return hl_elf_refuse(f, "has a relocation outside of its data",
                                 err);
        }
    }

    return HL_OK;
}


static bool
hl_elf_inside(const hl_elf_t *elf, uint64_t gva, uint64_t len, bool in_file,
    const hl_segment_t **segment)
{
    size_t               i;
    uint64_t             size;
    const hl_segment_t  *s;

    for (i = 0; i < elf->segment_count; i++) {
        s = &elf->segments[i];
        size = in_file ? s->file_size : s->mem_size;

        if (gva >= s->gva && gva - s->gva <= size
            && len <= size - (gva - s->gva))
        {
            *segment = s;
            return true;
        }
    }

    return false;
}


static hl_status_t
hl_elf_refuse(hl_elf_file_t *f, const char *why, hl_error_t *err)
{
    return hl_error_set(err, HL_ERR_GUEST_FILE, "\"%s\" %s", f->name, why);
}


/* What libelf could not read is not there, or libelf has no memory. */
static hl_status_t
hl_elf_unreadable(hl_elf_file_t *f, const GElf_Phdr *phdr, const char *what,
    hl_error_t *err)
{
    uint64_t  end;

    if (__builtin_add_overflow(phdr->p_offset, phdr->p_filesz, &end)
        || end > f->size)
    {
        return hl_error_set(err, HL_ERR_GUEST_FILE,
                            "\"%s\" is truncated: %s", f->name, what);
    }

    return hl_error_set(err, HL_ERR_GUEST_FILE, "\"%s\" cannot be read, its "
                        "%s: %s", f->name, what, elf_errmsg(-1));
}
