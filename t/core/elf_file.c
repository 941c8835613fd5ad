/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * elf_file.c: the minimal guest that elf_file.h describes.
 */

#include <stdlib.h>
#include <string.h>

#include "elf_file.h"
#include "hl_memory.h"


elf_t  file;


int
elf_file_begin(void **state)
{
    (void) state;

    file.size = ELF_SIZE;
    file.bytes = calloc(1, file.size);
    assert_non_null(file.bytes);

    file.head = (void *) file.bytes;
    file.segments = (void *) (file.bytes + sizeof(Elf64_Ehdr));
    file.note = (void *) (file.bytes + ELF_NOTE);
    file.dynamic = (void *) (file.bytes + ELF_DYNAMIC);
    file.rela = (void *) (file.bytes + ELF_RELA);

    memcpy(file.head->e_ident, ELFMAG, SELFMAG);
    file.head->e_ident[EI_CLASS] = ELFCLASS64;
    file.head->e_ident[EI_DATA] = ELFDATA2LSB;
    file.head->e_ident[EI_VERSION] = EV_CURRENT;
    file.head->e_type = ET_EXEC;
    file.head->e_machine = EM_X86_64;
    file.head->e_version = EV_CURRENT;
    file.head->e_entry = ELF_BASE + ELF_CODE;
    file.head->e_phoff = sizeof(Elf64_Ehdr);
    file.head->e_ehsize = sizeof(Elf64_Ehdr);
    file.head->e_phentsize = sizeof(Elf64_Phdr);
    file.head->e_phnum = PH_USED;
    file.head->e_shentsize = sizeof(Elf64_Shdr);

    elf_segment(PH_CODE, PT_LOAD, PF_R|PF_X, ELF_CODE, 16, 16);
    elf_segment(PH_DATA, PT_LOAD, PF_R|PF_W, ELF_DATA, 0x800, ELF_DATA_SIZE);
    elf_segment(PH_NOTE, PT_NOTE, PF_R, ELF_NOTE, sizeof(elf_note_t),
                sizeof(elf_note_t));

    file.note->name_size = sizeof(HL_ABI_NOTE_OWNER);
    file.note->desc_size = sizeof(uint32_t);
    file.note->type = HL_ABI_NOTE_TYPE;
    memcpy(file.note->name, HL_ABI_NOTE_OWNER, sizeof(HL_ABI_NOTE_OWNER));
    file.note->version = HL_ABI_VERSION;

    return 0;
}


int
elf_file_end(void **state)
{
    (void) state;

    free(file.bytes);

    return 0;
}


void
elf_segment(int i, uint32_t type, uint32_t flags, uint64_t offset,
    uint64_t file_size, uint64_t memory_size)
{
    Elf64_Phdr  *segment;

    segment = &file.segments[i];

    segment->p_type = type;
    segment->p_flags = flags;
    segment->p_offset = offset;
    segment->p_vaddr = ELF_BASE + offset;
    segment->p_paddr = segment->p_vaddr;
    segment->p_filesz = file_size;
    segment->p_memsz = memory_size;
    segment->p_align = type == PT_NOTE ? 4 : HL_PAGE_SIZE;

    if (i >= file.head->e_phnum) {
        file.head->e_phnum = (uint16_t) (i + 1);
    }
}


void
elf_pie(void)
{
    int  i;

    file.head->e_type = ET_DYN;
    elf_segment(PH_USED, PT_DYNAMIC, PF_R|PF_W, ELF_DYNAMIC, 0x100, 0x100);

    for (i = 0; i < file.head->e_phnum; i++) {
        file.segments[i].p_vaddr -= ELF_BASE;
    }

    file.head->e_entry = ELF_CODE;

    file.dynamic[0].d_tag = DT_RELA;
    file.dynamic[0].d_un.d_ptr = ELF_RELA;
    file.dynamic[1].d_tag = DT_RELASZ;
    file.dynamic[1].d_un.d_val = sizeof(Elf64_Rela);
    file.dynamic[2].d_tag = DT_RELAENT;
    file.dynamic[2].d_un.d_val = sizeof(Elf64_Rela);
    file.dynamic[3].d_tag = DT_NULL;

    file.rela[0].r_offset = ELF_DATA;
    file.rela[0].r_info = ELF64_R_INFO(0, R_X86_64_RELATIVE);
    file.rela[0].r_addend = ELF_CODE + 4;
}


/* From a copy that ends where the file does, for tools that watch reads. */
hl_status_t
elf_parse(void)
{
    void         *copy;
    hl_status_t   status;

    copy = malloc(file.size > 0 ? file.size : 1);
    assert_non_null(copy);
    memcpy(copy, file.bytes, file.size);

    status = hl_elf_parse(&file.elf, copy, file.size, "g.elf", &test_err);

    free(copy);

    return status;
}


void
elf_refused(const char *sentence)
{
    assert_status(elf_parse(), HL_ERR_GUEST_FILE);
    assert_int_equal(test_err.status, HL_ERR_GUEST_FILE);
    assert_string_equal(test_err.text, sentence);
}
