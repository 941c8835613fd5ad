/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * hl_x86.h: names for the bits of the architecture that the host sets.
 * Sources: Intel SDM volume 3, 2.5 (control registers), 2.2.1 (EFER), 3.4.5
 * (segment descriptors), 6.15 (vectors), 8.2.1 (64-bit TSS), volume 1,
 * 3.4.3 (flags), 13.3 (XCR0).
 */

#ifndef _HL_X86_H_INCLUDED_
#define _HL_X86_H_INCLUDED_


#define HL_CR0_PE            (1ull << 0)
#define HL_CR0_MP            (1ull << 1)
#define HL_CR0_ET            (1ull << 4)
#define HL_CR0_NE            (1ull << 5)
#define HL_CR0_WP            (1ull << 16)
#define HL_CR0_PG            (1ull << 31)

#define HL_CR4_TSD           (1ull << 2)
#define HL_CR4_PAE           (1ull << 5)
#define HL_CR4_OSFXSR        (1ull << 9)
#define HL_CR4_OSXMMEXCPT    (1ull << 10)
#define HL_CR4_UMIP          (1ull << 11)
#define HL_CR4_OSXSAVE       (1ull << 18)
#define HL_CR4_SMEP          (1ull << 20)
#define HL_CR4_SMAP          (1ull << 21)

#define HL_EFER_LME          (1ull << 8)
#define HL_EFER_LMA          (1ull << 10)
#define HL_EFER_NXE          (1ull << 11)

#define HL_RFLAGS_FIXED      (1ull << 1)
#define HL_RFLAGS_STATUS     0x8d5ull       /* CF PF AF ZF SF OF */
#define HL_RFLAGS_TF         (1ull << 8)
#define HL_RFLAGS_DF         (1ull << 10)
#define HL_RFLAGS_IOPL       (3ull << 12)
#define HL_RFLAGS_NT         (1ull << 14)
#define HL_RFLAGS_AC         (1ull << 18)
#define HL_RFLAGS_ID         (1ull << 21)

/* x87, SSE, AVX, and the three parts of AVX-512 */
#define HL_XCR0_OFFERED      0xe7ull

/* the XSAVE area: SDM volume 1, 13.4; and what a guest starts with there */
#define HL_XSAVE_FCW         0
#define HL_XSAVE_MXCSR       24
#define HL_FCW_INITIAL       0x037f
#define HL_MXCSR_INITIAL     0x1f80

/* of 16 general registers, in the order of the instruction set */
#define HL_GPR_RSP           4
#define HL_GPR_RBP           5
#define HL_GPR_RDI           7

/* GDT slots; the order is ours, SYSCALL's needs are none of ours */
#define HL_SELECTOR_KERNEL   0x08
#define HL_SELECTOR_TSS      0x10           /* two slots */
#define HL_SELECTOR_DATA     0x2b           /* 0x28, RPL 3 */
#define HL_SELECTOR_CODE     0x33           /* 0x30, RPL 3 */
#define HL_GDT_SIZE          0x38

/* accessed and busy are set, so that no CPU writes a descriptor */
#define HL_DESC_KERNEL_CODE  0x00af9b000000ffffull
#define HL_DESC_USER_DATA    0x00cff3000000ffffull
#define HL_DESC_USER_CODE    0x00affb000000ffffull
#define HL_DESC_TSS_BUSY     (0x8bull << 40)

#define HL_VECTORS           32
#define HL_VECTOR_BREAKPOINT 3
#define HL_VECTOR_OVERFLOW   4
#define HL_VECTOR_PAGE_FAULT 14

/* vectors that push an error code: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX */
#define HL_VECTORS_ERROR                                                      \
    (1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14           \
     | 1u << 17 | 1u << 21 | 1u << 29 | 1u << 30)

#define HL_PF_WRITE          (1u << 1)
#define HL_PF_FETCH          (1u << 4)


#endif /* _HL_X86_H_INCLUDED_ */
