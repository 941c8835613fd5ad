/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * attack_code.h: part of t/core/guests/attack.c: what C cannot say.
 */


/* Where calls begin: nothing of the guest's runs before attack_save(). */
__asm__(
"    .pushsection .text                                       \n"
"attack_dispatch:                                             \n"
"    call     attack_save                                     \n"
"    jmp      hl_dispatch                                     \n"
"                                                             \n"
"attack_save:                                                 \n"
"    movq     %rax, attack_registers(%rip)                    \n"
"    movq     %rcx, attack_registers+8(%rip)                  \n"
"    movq     %rdx, attack_registers+16(%rip)                 \n"
"    movq     %rbx, attack_registers+24(%rip)                 \n"
"    movq     %rsp, attack_registers+32(%rip)                 \n"
"    movq     %rbp, attack_registers+40(%rip)                 \n"
"    movq     %rsi, attack_registers+48(%rip)                 \n"
"    movq     %rdi, attack_registers+56(%rip)                 \n"
"    movq     %r8, attack_registers+64(%rip)                  \n"
"    movq     %r9, attack_registers+72(%rip)                  \n"
"    movq     %r10, attack_registers+80(%rip)                 \n"
"    movq     %r11, attack_registers+88(%rip)                 \n"
"    movq     %r12, attack_registers+96(%rip)                 \n"
"    movq     %r13, attack_registers+104(%rip)                \n"
"    movq     %r14, attack_registers+112(%rip)                \n"
"    movq     %r15, attack_registers+120(%rip)                \n"
"    pushfq                                                   \n"
"    popq     attack_registers+128(%rip)                      \n"
"    movl     %ds, %eax                                       \n"
"    movq     %rax, attack_registers+136(%rip)                \n"
"    movl     %es, %eax                                       \n"
"    movq     %rax, attack_registers+144(%rip)                \n"
"    movl     %fs, %eax                                       \n"
"    movq     %rax, attack_registers+152(%rip)                \n"
"    movl     %gs, %eax                                       \n"
"    movq     %rax, attack_registers+160(%rip)                \n"
"    movl     $-1, %eax                                       \n"
"    movl     $-1, %edx                                       \n"
"    xsave64  attack_xsave(%rip)                              \n"
"    ret                                                      \n"
"    .popsection                                              \n"
);


/*
 * Calls attack_code with the pattern in all registers.  What comes back is
 * its rax; flags, x87 and MXCSR are as before.
 */
__asm__(
"    .pushsection .text                                       \n"
"attack_with_pattern:                                         \n"
"attack_run:                                                  \n"
"    pushq    %rbx                                            \n"
"    pushq    %rbp                                            \n"
"    pushq    %r12                                            \n"
"    pushq    %r13                                            \n"
"    pushq    %r14                                            \n"
"    pushq    %r15                                            \n"
"    pushfq                                                   \n"
"    subq     $16, %rsp                                       \n"
"    stmxcsr  (%rsp)                                          \n"
"    fnstcw   8(%rsp)                                         \n"
"    movq     %rsp, attack_run_rsp(%rip)                      \n"
"    movabsq  $0x5ec2e75ec2e75ec3, %rax                       \n"
"    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15             \n"
"    movq     %rax, %xmm\\n                                   \n"
"    punpcklqdq %xmm\\n, %xmm\\n                              \n"
"    .endr                                                    \n"
"    cmpl     $0, attack_avx(%rip)                            \n"
"    je       1f                                              \n"
"    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15             \n"
"    vinsertf128 $1, %xmm\\n, %ymm\\n, %ymm\\n                \n"
"    .endr                                                    \n"
"1:  cmpl     $0, attack_avx512(%rip)                         \n"
"    je       1f                                              \n"
"    .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15             \n"
"    vpbroadcastq %rax, %zmm\\n                               \n"
"    .endr                                                    \n"
"    .irp n,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31   \n"
"    vpbroadcastq %rax, %zmm\\n                               \n"
"    .endr                                                    \n"
"    .irp n,0,1,2,3,4,5,6,7                                   \n"
"    kmovw    %eax, %k\\n                                     \n"
"    .endr                                                    \n"
"1:  fninit                                                   \n"
"    fldcw    attack_x87(%rip)                                \n"
"    .rept 8                                                  \n"
"    fldpi                                                    \n"
"    .endr                                                    \n"
"    ldmxcsr  attack_odd_mxcsr(%rip)                          \n"
"    movl     $3, %ecx                                        \n"
"    movl     %ecx, %ds                                       \n"
"    movl     %ecx, %es                                       \n"
"    movl     %ecx, %fs                                       \n"
"    movl     %ecx, %gs                                       \n"
"    .irp r,rbx,rcx,rdx,rsi,rdi,rbp,r8,r9,r10,r11,r12,r13,r14,r15 \n"
"    movq     %rax, %\\r                                      \n"
"    .endr                                                    \n"
"    pushq    $0x2008d7                                       \n"
"    popfq                                                    \n"
"    call     *attack_code(%rip)                              \n"
"    movq     attack_run_rsp(%rip), %rsp                      \n"
"    fninit                                                   \n"
"    ldmxcsr  (%rsp)                                          \n"
"    fldcw    8(%rsp)                                         \n"
"    addq     $16, %rsp                                       \n"
"    popfq                                                    \n"
"    popq     %r15                                            \n"
"    popq     %r14                                            \n"
"    popq     %r13                                            \n"
"    popq     %r12                                            \n"
"    popq     %rbp                                            \n"
"    popq     %rbx                                            \n"
"    ret                                                      \n"
"    .popsection                                              \n"
"                                                             \n"
"    .pushsection .rodata                                     \n"
"    .balign  16                                              \n"
"attack_zero:                                                 \n"
"    .quad    0, 0                                            \n"
"attack_odd_mxcsr:                                            \n"
"    .long    0x7fbf                                          \n"
"attack_mxcsr:                                                \n"
"    .long    0                                               \n"
"attack_x87:                                                  \n"
"    .word    0x0f7f                                          \n"
"attack_unmasked:                                             \n"
"    .word    0x0300                                          \n"
"    .popsection                                              \n"
);


/*
 * attack_try(code, rax, rdx): calls the code, rdi and rsi being the buffer
 * and ecx 1.  The vector of the exception that it ended in, which a handler
 * has put into rax, or UINT32_MAX; attack_registers[0] is the code's rax.
 */
__asm__(
"    .pushsection .text                                       \n"
"attack_try:                                                  \n"
"    pushq    %rbx                                            \n"
"    pushq    %rbp                                            \n"
"    pushq    %r12                                            \n"
"    pushq    %r13                                            \n"
"    pushq    %r14                                            \n"
"    pushq    %r15                                            \n"
"    pushfq                                                   \n"
"    movq     %rsp, attack_try_rsp(%rip)                      \n"
"    movq     %rdi, %r11                                      \n"
"    movq     %rsi, %rax                                      \n"
"    leaq     attack_buffer(%rip), %rdi                       \n"
"    movq     %rdi, %rsi                                      \n"
"    movl     $1, %ecx                                        \n"
"    call     *%r11                                           \n"
"    movq     %rax, attack_registers(%rip)                    \n"
"    movl     $-1, %eax                                       \n"
"attack_caught:                                               \n"
"    movq     attack_try_rsp(%rip), %rsp                      \n"
"    popfq                                                    \n"
"    popq     %r15                                            \n"
"    popq     %r14                                            \n"
"    popq     %r13                                            \n"
"    popq     %r12                                            \n"
"    popq     %rbp                                            \n"
"    popq     %rbx                                            \n"
"    ret                                                      \n"
"                                                             \n"
"attack_interrupts:                                           \n"
"    .set     attack_n, 0                                     \n"
"    .rept    256                                             \n"
"    .byte    0xcd, attack_n, 0xc3, 0x90                      \n"
"    .set     attack_n, attack_n + 1                          \n"
"    .endr                                                    \n"
"    .popsection                                              \n"
);

extern const uint8_t  attack_interrupts[];


/* Each three have a width of 1, 2 and 4. */
#define ATTACK_PORTS(op)                                                      \
    op(outb, "outb %al, %dx") op(outw, "outw %ax, %dx")                       \
    op(outl, "outl %eax, %dx")                                                \
    op(inb, "inb %dx, %al") op(inw, "inw %dx, %ax") op(inl, "inl %dx, %eax")  \
    op(outsb, "outsb") op(outsw, "outsw") op(outsl, "outsl")                  \
    op(insb, "insb") op(insw, "insw") op(insl, "insl")                        \
    op(rep_outsb, "rep outsb") op(rep_outsw, "rep outsw")                     \
    op(rep_outsl, "rep outsl")                                                \
    op(rep_insb, "rep insb") op(rep_insw, "rep insw")                         \
    op(rep_insl, "rep insl")

#define ATTACK_TOUCHES(op)                                                    \
    op(read, "movb (%rax), %cl") op(write, "orb $0, (%rax)")                  \
    op(fetch, "jmp *%rax") op(lock, "lock orb $0, (%rax)")

#define ATTACK_CODE(name, text)                                               \
    __asm__(".pushsection .text; attack_" #name ": " text "; ret; "           \
            ".popsection");                                                   \
    extern const uint8_t  attack_##name[];

#define ATTACK_ROW(name, text)  attack_##name,

ATTACK_PORTS(ATTACK_CODE)
ATTACK_TOUCHES(ATTACK_CODE)

static const uint8_t *const  attack_ports[] = { ATTACK_PORTS(ATTACK_ROW) };
static const uint8_t *const  attack_touches[] = { ATTACK_TOUCHES(ATTACK_ROW) };
