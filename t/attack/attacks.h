/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * attacks.h: the matrix of attacks, by a single instruction or a few.
 *
 *     CODE(name, text, ends)                      instructions
 *     CODE_2(name, text, hardware, here)          that end in two ways
 *     CALL(name, ends)                            call_NAME() of the guest's
 *
 * Each runs in t/core/guests/attack.c with a pattern in all registers and in
 * memory, and must end in one of these ways, or of several with a space
 * between them:
 *
 *     ok       it did nothing, or nothing to others, and came back
 *     #GP ...  an exception of the guest's
 *     left     it left as no guest may, which the host saw
 *     output   it parked, with output that is none
 *     abort    it gave up
 *     time     it never ends: its time did
 *
 * "hardware" is what a CPU with virtualisation does (several: CPUs differ),
 * "here" what a para-virtual KVM does, where code at CPL 3 runs under the
 * host's own control registers and descriptors.  Both are contained.  Who
 * includes this has CODE_2() and CALL() defined.
 *
 * Registers at the start: the pattern in all but rsp, flags CF PF AF ZF SF OF
 * ID, null selectors, a full x87 stack, no matching MXCSR.
 */

#define PARKED_FLAGS  "pushq $2; popfq; "
#define PARK          "movq attack_park(%rip), %rax; jmp *%rax"
#define LEAVE         "movq attack_leave(%rip), %rax; jmp *%rax"
#define FAR(cs)                                                               \
    "movl $" cs ", %eax; shlq $32, %rax; pushq %rax; "
#define IN_32(text)   ".code32; 1: " text "; .code64"

/* To label 1. */
#define FAR_RETURN(cs)                                                        \
    "pushq $" cs "; leaq 1f(%rip), %rax; pushq %rax; lretq; "
#define IRET(ss, flags, cs)                                                   \
    "movq %rsp, %rcx; pushq $" ss "; pushq %rcx; pushq $" flags "; "          \
    "pushq $" cs "; leaq 1f(%rip), %rax; pushq %rax; iretq; "
#define NOT_CANONICAL  "movabsq $0x8000000000000000, "

#define CODE(name, text, ends)  CODE_2(name, text, ends, ends)

#ifdef CODE_2

/* ---- privileged instructions ------------------------------------------- */

CODE(hlt, "hlt", "#GP")
CODE(cli, "cli", "#GP")
CODE(sti, "sti", "#GP")
CODE(clts, "clts", "#GP")
CODE(lmsw, "lmsw %ax", "#GP")
CODE(lgdt, "lgdt attack_zero(%rip)", "#GP")
CODE(lidt, "lidt attack_zero(%rip)", "#GP")
CODE(lldt, "lldt %ax", "#GP")
CODE(ltr, "ltr %ax", "#GP")
CODE(to_cr0, "movq %rax, %cr0", "#GP")
CODE(to_cr2, "movq %rax, %cr2", "#GP")
CODE(to_cr3, "movq %rax, %cr3", "#GP")
CODE(to_cr4, "movq %rax, %cr4", "#GP")
CODE(to_cr8, "movq %rax, %cr8", "#GP")
CODE(from_cr0, "movq %cr0, %rax", "#GP")
CODE(from_cr2, "movq %cr2, %rax", "#GP")
CODE(from_cr3, "movq %cr3, %rax", "#GP")
CODE(from_cr4, "movq %cr4, %rax", "#GP")
CODE(from_cr8, "movq %cr8, %rax", "#GP")
CODE(from_cr1, ".byte 0x0f, 0x20, 0xc8", "#UD #GP")
CODE(to_dr0, "movq %rax, %dr0", "#GP")
CODE(to_dr3, "movq %rax, %dr3", "#GP")
CODE(to_dr6, "movq %rax, %dr6", "#GP")
CODE(to_dr7, "movq %rax, %dr7", "#GP")
CODE(from_dr0, "movq %dr0, %rax", "#GP")
CODE(from_dr6, "movq %dr6, %rax", "#GP")
CODE(from_dr7, "movq %dr7, %rax", "#GP")
CODE(rdmsr, "movl $0x10, %ecx; rdmsr", "#GP")
CODE(rdmsr_lstar, "movl $0xc0000082, %ecx; rdmsr", "#GP")
CODE(wrmsr, "movl $0xc0000082, %ecx; wrmsr", "#GP")
CODE(wrmsr_kvm, "movl $0x4b564d01, %ecx; wrmsr", "#GP")
CODE(rdpmc, "xorl %ecx, %ecx; rdpmc", "#GP")
CODE(swapgs, "swapgs", "#GP")
CODE(invd, "invd", "#GP")
CODE(wbinvd, "wbinvd", "#GP")
CODE(invlpg, "invlpg (%rsp)", "#GP")
CODE(invpcid, "xorl %eax, %eax; invpcid attack_zero(%rip), %rax", "#GP #UD")
CODE(xsetbv, "xorl %ecx, %ecx; movl $7, %eax; xorl %edx, %edx; xsetbv", "#GP")
CODE(xsaves, "leaq attack_buffer(%rip), %rcx; xsaves64 (%rcx)", "#GP #UD")
CODE(xrstors, "leaq attack_buffer(%rip), %rcx; xrstors64 (%rcx)", "#GP #UD")
CODE(stac, "stac", "#UD")
CODE(clac, "clac", "#UD")
CODE(rsm, "rsm", "#UD")
CODE(wrussq, "wrussq %rax, (%rsp)", "#UD #GP")
CODE(setssbsy, "setssbsy", "#UD ok")
CODE(pconfig, "pconfig", "#UD #GP")

/* ---- what tells of the host -------------------------------------------- */

CODE(smsw, "smsw %rax", "#GP")
CODE(sgdt, "sgdt attack_buffer(%rip)", "#GP")
CODE(sidt, "sidt attack_buffer(%rip)", "#GP")
CODE(sldt, "sldt %rax", "#GP")
CODE(str, "str %rax", "#GP")
CODE(rdtsc, "rdtsc", "ok")
CODE_2(rdtscp, "rdtscp", "#UD", "ok")
CODE_2(rdpid, "rdpid %rax", "#UD ok", "ok #UD")
CODE(rdrand, "rdrand %rax", "ok #UD")
CODE(rdseed, "rdseed %rax", "ok #UD")
CODE(cpuid_0, "xorl %eax, %eax; cpuid", "ok")
CODE(cpuid_kvm, "movl $0x40000000, %eax; cpuid", "ok")
CODE(cpuid_last, "movl $-1, %eax; movl %eax, %ecx; cpuid", "ok")
CODE(xgetbv, "xorl %ecx, %ecx; xgetbv", "ok")
CODE(xgetbv_2, "movl $2, %ecx; xgetbv", "#GP")
CODE(lar, "movl $8, %ecx; lar %ecx, %eax", "ok")
CODE(lsl, "movl $0x7b, %ecx; lsl %ecx, %eax", "ok")
CODE(verr, "movl $0x2b, %eax; verr %ax", "ok")
CODE(verw, "movl $0x2b, %eax; verw %ax", "ok")
CODE_2(rdfsbase, "rdfsbase %rax", "#UD", "ok")
CODE_2(rdgsbase, "rdgsbase %rax", "#UD", "ok")
CODE_2(rdpkru, "xorl %ecx, %ecx; rdpkru", "#UD", "#UD ok")

/* ---- what is left behind: the next call must not see it ---------------- */

CODE(nothing, "", "ok")
CODE_2(wrfsbase, "movl $0x1000, %eax; wrfsbase %rax", "#UD", "left")
CODE_2(wrgsbase, "movl $0x1000, %eax; wrgsbase %rax", "#UD", "left")
CODE_2(wrgsbase_top, "movq $-4096, %rax; wrgsbase %rax", "#UD", "left")
CODE_2(wrgsbase_odd, NOT_CANONICAL "%rax; wrgsbase %rax", "#UD", "#GP")
CODE_2(wrpkru, "xorl %ecx, %ecx; xorl %edx, %edx; movl $0x12345674, %eax; "
               "wrpkru", "#UD", "#UD ok")
CODE_2(wrpkru_all, "xorl %ecx, %ecx; xorl %edx, %edx; movl $-1, %eax; wrpkru",
       "#UD", "#UD #PF")
CODE(park_df, PARKED_FLAGS "std; " PARK, "left")
CODE(park_status, "pushq $0x8d7; popfq; " PARK, "output")
CODE(park_tf, "pushq $0x102; popfq; " PARK, "#DB left")
CODE(park_nt, "pushq $0x4002; popfq; " PARK, "left")
CODE(park_ac, "pushq $0x40002; popfq; " PARK, "left #AC")
CODE(park_id, "pushq $0x200002; popfq; " PARK, "left")
CODE(park_iopl, "pushq $0x3002; popfq; " PARK, "output")
CODE(park_registers, PARKED_FLAGS PARK, "output")
CODE(park_rsp_0, PARKED_FLAGS "xorl %esp, %esp; " PARK, "output")
CODE(park_rsp_odd, PARKED_FLAGS NOT_CANONICAL "%rsp; " PARK, "output")
CODE(park_x87, PARKED_FLAGS "fninit; fldcw attack_unmasked(%rip); fld1; "
               "fldz; fdivrp; " PARK, "output")
CODE(park_mxcsr, PARKED_FLAGS "ldmxcsr attack_mxcsr(%rip); " PARK, "output")
CODE(park_ds, PARKED_FLAGS "movl $0x33, %eax; movl %eax, %ds; "
              "movl %eax, %es; movl %eax, %fs; movl %eax, %gs; " PARK,
     "output")
CODE(spin, "1: jmp 1b", "time")
CODE(fault, "ud2", "#UD")
CODE(flags_iopl, "pushq $0x3002; popfq; cli", "#GP")
CODE(flags_vm, "pushq $0x1a0002; popfq", "ok")
CODE(flags_nt_iret, "pushq $0x4002; popfq; iretq", "#GP")
CODE(flags_tf, "pushq $0x102; popfq; nop", "#DB")
CODE(flags_tf_out, "pushq $0x102; popfq; outb %al, $0x80", "left #DB")
CODE(flags_ac, "pushq $0x40002; popfq; movl 1(%rsp), %eax", "ok #AC")
CODE(fxrstor_odd, "leaq attack_buffer(%rip), %rcx; movl $-1, 24(%rcx); "
                  "fxrstor (%rcx)", "#GP")
CODE_2(ldmxcsr_odd, "pushq $-1; ldmxcsr (%rsp)", "#GP", "#GP #UD")
CODE(xrstor_odd, "leaq attack_buffer(%rip), %rcx; movl $-1, 516(%rcx); "
                 "movl $-1, %eax; movl %eax, %edx; xrstor (%rcx)", "#GP")
CODE(xrstor_reserved, "leaq attack_buffer(%rip), %rcx; "
                      "movl $1, 528(%rcx); movl $-1, %eax; xrstor (%rcx)",
     "#GP")
CODE_2(tilerelease, "tilerelease", "#UD", "#UD ok")

/* ---- into the kernel, a hypervisor, another mode ----------------------- */

CODE_2(syscall, "syscall", "#UD", "#PF #UD")
CODE_2(sysenter, "sysenter", "#GP #UD", "#GP #UD #PF")
CODE(sysret, "sysretq", "#UD #GP")
CODE(sysexit, "sysexitl", "#GP #UD")
CODE(int3, "int3", "#BP")
CODE(int1, ".byte 0xf1", "#DB")
CODE(int_4, "int $4", "#OF")
CODE_2(int_26, "int $26", "#GP", "#GP #UD ok")
CODE_2(int_80, "movl $1, %eax; int $0x80", "#GP", "#GP #UD")
CODE(into, ".byte 0xce", "#UD")
CODE(ud0, ".byte 0x0f, 0xff, 0xc0", "#UD")
CODE(ud1, ".byte 0x0f, 0xb9, 0xc0", "#UD")
CODE(push_es, ".byte 0x06", "#UD")
CODE_2(vmcall, "vmcall", "ok #UD #PF", "#UD #GP ok")
CODE_2(vmmcall, "vmmcall", "ok #UD #PF", "ok #UD")
CODE(vmfunc, "vmfunc", "#UD")
CODE(vmlaunch, "vmlaunch", "#UD #GP")
CODE(vmresume, "vmresume", "#UD #GP")
CODE(vmxoff, "vmxoff", "#UD #GP")
CODE(vmxon, "vmxon attack_zero(%rip)", "#UD #GP")
CODE(vmread, "vmread %rax, %rcx", "#UD #GP")
CODE(vmrun, "vmrun", "#UD #GP")
CODE(vmload, "vmload", "#UD #GP")
CODE(vmsave, "vmsave", "#UD #GP")
CODE(stgi, "stgi", "#UD #GP")
CODE(clgi, "clgi", "#UD #GP")
CODE(invlpga, ".byte 0x0f, 0x01, 0xdf", "#UD #GP")
CODE(skinit, "skinit", "#UD #GP")
CODE(getsec, "xorl %eax, %eax; getsec", "#UD #GP")
CODE(encls, "encls", "#UD")
CODE(enclu, "xorl %eax, %eax; enclu", "#UD #GP")
CODE_2(monitor, "leaq attack_buffer(%rip), %rax; xorl %ecx, %ecx; "
                "xorl %edx, %edx; monitor", "#UD", "#UD #GP")
CODE_2(mwait, "xorl %eax, %eax; xorl %ecx, %ecx; mwait", "#UD", "#UD #GP")
CODE(monitorx, "leaq attack_buffer(%rip), %rax; xorl %ecx, %ecx; "
               "xorl %edx, %edx; monitorx", "#UD ok")
CODE_2(umonitor, "leaq attack_buffer(%rip), %rax; umonitor %rax", "#UD",
       "#UD ok")
CODE_2(tpause, "xorl %ecx, %ecx; xorl %eax, %eax; xorl %edx, %edx; "
               "tpause %ecx", "#UD", "#UD ok")
CODE(senduipi, "senduipi %rax", "#UD")
CODE(xbegin, "xbegin 1f; xend; 1:", "ok #UD")
CODE(xend, "xend", "#GP #UD")
CODE(xtest, "xtest", "ok #UD")
CODE(iret_same, IRET("0x2b", "2", "0x33") "1:", "ok")
CODE(iret_kernel, IRET("0x2b", "2", "0x08") "1:", "#GP")
CODE(iret_kernel_3, IRET("0x2b", "2", "0x0b") "1:", "#GP")
CODE(iret_host_kernel, IRET("0x18", "2", "0x10") "1:", "#GP")
CODE(iret_null, IRET("0x2b", "2", "0") "1:", "#GP")
CODE_2(iret_data, IRET("0x2b", "2", "0x2b") IN_32("ud2"), "#GP", "#GP #UD")
CODE_2(iret_data_out, IRET("0x2b", "2", "0x2b")
                      IN_32("outb %al, $0x80"), "#GP", "#GP left")
CODE(iret_data_fault, IRET("0x2b", "2", "0x2b")
                      IN_32("outb %al, $0x81"), "#GP")
CODE_2(iret_data_park, IRET("0x2b", "2", "0x2b")
                       IN_32("movl $0x40002000, %eax; jmp *%eax"), "#GP",
       "#GP left")
CODE_2(iret_32, IRET("0x2b", "2", "0x23") IN_32("ud2"), "#GP", "#GP #NP")
CODE_2(iret_32_park, IRET("0x2b", "2", "0x23")
                     IN_32("movl $0x40002000, %eax; jmp *%eax"), "#GP",
       "#GP #NP")
CODE_2(iret_32_leave, "movl $2, %edi; " IRET("0x2b", "2", "0x2b")
                      IN_32("movl $0x40002100, %eax; call *%eax; ud2"), "#GP",
       "#GP #UD")
CODE(iret_ldt, IRET("0x2b", "2", "0x37") "1:", "#GP")
CODE(iret_beyond, IRET("0x2b", "2", "0xfff3") "1:", "#GP")
CODE(iret_stack, IRET("0x08", "2", "0x33") "1:", "#GP")
CODE(iret_flags, IRET("0x2b", "0x3b7002", "0x33") "1: cli", "#GP")
CODE(iret_odd, "movq %rsp, %rcx; pushq $0x2b; pushq %rcx; pushq $2; "
               "pushq $0x33; " NOT_CANONICAL "%rax; pushq %rax; iretq", "#GP")
CODE(far_kernel, FAR_RETURN("0x08") "1:", "#GP")
CODE(far_host_kernel, FAR_RETURN("0x10") "1:", "#GP")
CODE_2(far_jump_tss, FAR("0x10") "ljmpl *(%rsp)", "#GP", "#GP #UD")
CODE_2(far_jump_tss_3, FAR("0x13") "ljmpl *(%rsp)", "#GP", "#GP #UD")
CODE(far_call_kernel, FAR("0x08") "lcalll *(%rsp)", "#GP")
CODE_2(far_call_host_kernel, FAR("0x10") "lcalll *(%rsp)", "#GP", "#GP #UD")
CODE(far_same, FAR_RETURN("0x33") "1:", "ok")
CODE(mode_32, FAR_RETURN("0x23") IN_32("ud2"), "#GP")
CODE(mode_32_out, FAR_RETURN("0x23") IN_32("outb %al, $0x80"), "#GP")
CODE(mode_32_park, PARKED_FLAGS FAR_RETURN("0x23")
                   IN_32("movl $0x40002000, %eax; jmp *%eax"), "#GP")
CODE(mode_32_int, FAR_RETURN("0x23")
                  IN_32("movl $1, %eax; int $0x80"), "#GP")
CODE(mode_32_syscall, FAR_RETURN("0x23")
                      IN_32("movl $1, %eax; syscall"), "#GP")
CODE(mode_32_sysenter, FAR_RETURN("0x23")
                       IN_32("movl $1, %eax; sysenter"), "#GP")
CODE(mode_32_into, FAR_RETURN("0x23")
                   IN_32("movb $0x7f, %al; incb %al; into"), "#GP")
CODE(mode_32_bound, "leaq attack_zero(%rip), %rcx; "
                    FAR_RETURN("0x23")
                    IN_32("movl $-1, %eax; bound %eax, (%ecx)"), "#GP")
CODE(ds_kernel, "movl $0x08, %eax; movl %eax, %ds", "#GP")
CODE(ds_host_kernel, "movl $0x18, %eax; movl %eax, %ds", "#GP")
CODE(ds_tss, "movl $0x13, %eax; movl %eax, %ds", "#GP")
CODE(ds_code, "movl $0x33, %eax; movl %eax, %ds", "ok")
CODE(ds_ldt, "movl $7, %eax; movl %eax, %ds", "#GP")
CODE(fs_beyond, "movl $0xfffb, %eax; movl %eax, %fs", "#GP")
CODE(fs_tls, "movl $0x63, %eax; movl %eax, %fs", "#GP")
CODE_2(gs_cpu, "movl $0x7b, %eax; movl %eax, %gs", "#GP", "#GP ok")
CODE(ss_null, "xorl %eax, %eax; movl %eax, %ss", "#GP")
CODE(ss_code, "movl $0x33, %eax; movl %eax, %ss", "#GP")
CODE(ss_int3, "movl $0x2b, %eax; movl %eax, %ss; int3", "#BP")
CODE(ss_int1, "movl $0x2b, %eax; movl %eax, %ss; .byte 0xf1", "#DB")
CODE_2(ss_syscall, "movl $0x2b, %eax; movl %eax, %ss; syscall", "#UD",
       "#PF #UD")
CODE(ss_tf_int3, "movl $0x2b, %eax; pushq $0x102; popfq; movl %eax, %ss; "
                 "int3", "#BP #DB")
CODE(ss_out, "movl $0x2b, %eax; movl %eax, %ss; outb %al, $0x80", "left")

/* ---- ports ------------------------------------------------------------- */

CODE(out, "outb %al, $0x80", "left")
CODE(out_dx, "movl $0x80, %edx; outb %al, %dx", "left")
CODE(out_2, "outw %ax, $0x80", "#GP")
CODE(out_4, "outl %eax, $0x80", "#GP")
CODE(out_2_below, "outw %ax, $0x7f", "#GP")
CODE(out_fault, "outb %al, $0x81", "#GP")
CODE(in, "inb $0x80, %al", "left")
CODE(in_4, "inl $0x80, %eax", "#GP")
CODE(ins, "movl $0x80, %edx; leaq attack_buffer(%rip), %rdi; insb", "left")
CODE(ins_read_only, "movl $0x80, %edx; leaq attack_run(%rip), %rdi; insb",
     "#PF left")
CODE(ins_odd, "movl $0x80, %edx; " NOT_CANONICAL "%rdi; insb", "#GP left")
CODE(rep_ins, "movl $0x80, %edx; movl $99, %ecx; cld; "
              "leaq attack_buffer(%rip), %rdi; rep insb", "left")
CODE(outs, "movl $0x80, %edx; leaq attack_buffer(%rip), %rsi; outsb", "left")
CODE(rep_outs, "movl $0x80, %edx; movl $99, %ecx; cld; "
               "leaq attack_buffer(%rip), %rsi; rep outsb", "left")
CODE(outs_odd, "movl $0x80, %edx; " NOT_CANONICAL "%rsi; outsb", "#GP left")
CODE(out_rsp_odd, NOT_CANONICAL "%rsp; outb %al, $0x80", "left")

/* ---- the two ways out, used badly -------------------------------------- */

CODE(leave_0, "xorl %edi, %edi; " LEAVE, "left")
CODE(leave_pattern, LEAVE, "left")
CODE(leave_call, "movl $3, %edi; " LEAVE, "output")
CODE(leave_abort, "movl $4, %edi; " LEAVE, "output")
CODE(leave_resume, "movl $5, %edi; " LEAVE, "left")
CODE(leave_resume_own, "movl $5, %edi; movq %rsp, %rsi; " LEAVE, "left")
CODE(leave_fault, "movl $6, %edi; " LEAVE, "left")
CODE(leave_flush_odd, "movl $2, %edi; " NOT_CANONICAL "%rsp; " LEAVE,
     "#SS #GP")
CODE(leave_flush_0, "movl $2, %edi; xorl %esp, %esp; " LEAVE, "#PF")
CODE(entry_again, "movl $0x40002007, %eax; jmp *%rax", "abort")

/* ---- addresses --------------------------------------------------------- */

CODE(rax_odd, NOT_CANONICAL "%rax; movb (%rax), %al", "#GP")
CODE_2(rbp_odd, NOT_CANONICAL "%rbp; movb (%rbp), %al", "#SS", "#SS #GP")
CODE_2(rsp_odd, NOT_CANONICAL "%rsp; pushq %rax", "#SS", "#SS #GP")
CODE(rsp_odd_ud2, NOT_CANONICAL "%rsp; ud2", "#UD")
CODE(rsp_0_ud2, "xorl %esp, %esp; ud2", "#UD")
CODE(rsp_kernel_ud2, "movq $-65536, %rsp; ud2", "#UD")
CODE(rip_odd, NOT_CANONICAL "%rax; jmp *%rax", "#GP")
CODE(rip_odd_ret, NOT_CANONICAL "%rax; pushq %rax; ret", "#GP")
CODE(rip_wrap, "movabsq $0x7ffffffffffe, %rax; jmp *%rax", "#PF")
CODE(rip_vsyscall, "movq $-10485760, %rax; jmp *%rax", "#PF")
CODE(rip_kernel, "movq $-2130706432, %rax; jmp *%rax", "#PF")
CODE(canonical_end, "movabsq $0x7ffffffffffc, %rax; movq (%rax), %rax",
     "#GP #PF")
CODE(read_kernel, "movq $-2130706432, %rax; movb (%rax), %al", "#PF")
CODE(read_direct_map, "movabsq $0xffff888000000000, %rax; movb (%rax), %al",
     "#PF")
CODE(read_system, "movl $0x40000000, %eax; movb (%rax), %al", "#PF")
CODE(read_exceptions, "movl $0x40001ff8, %eax; movb (%rax), %al", "#PF")
CODE(run_stub, "movl $0x40000800, %eax; jmp *%rax", "#PF")
CODE(run_fpu, "movl $0x40003000, %eax; jmp *%rax", "#PF")
CODE(run_params, "movl $0x40004000, %eax; jmp *%rax", "#PF")
CODE(run_stack, "jmp *%rsp", "#PF")
CODE(run_data, "leaq attack_buffer(%rip), %rax; jmp *%rax", "#PF")
CODE(write_fpu, "movl $0x40003000, %eax; movb %al, (%rax)", "#PF")
CODE(write_params, "movl $0x40004010, %eax; movq %rcx, (%rax)", "#PF")
CODE(write_hypercall, "movl $0x40002004, %eax; movb %cl, (%rax)", "#PF")
CODE(lock_hypercall, "movl $0x40002004, %eax; lock incl (%rax)", "#PF")
CODE(xchg_fpu, "movl $0x40003018, %eax; xchgl %ecx, (%rax)", "#PF")
CODE(xsave_fpu, "movl $0x40003000, %ecx; movl $-1, %eax; movl %eax, %edx; "
                "xsave (%rcx)", "#PF")
CODE(write_itself, "leaq 1f(%rip), %rdi; movb $0x90, (%rdi); 1: ud2", "#PF")
CODE(rep_write_text, "leaq attack_run(%rip), %rdi; movl $64, %ecx; cld; "
                     "rep stosb", "#PF")
CODE(rep_write_all, "leaq attack_buffer(%rip), %rdi; movq $-1, %rcx; cld; "
                    "rep stosb", "#PF")
CODE(rep_read_all, "leaq attack_buffer(%rip), %rsi; movq $-1, %rcx; cld; "
                   "rep lodsb", "#PF")
CODE(read_across, "movq attack_heap_end(%rip), %rax; movq -4(%rax), %rax",
     "#PF")
CODE(write_across, "movq attack_heap_end(%rip), %rax; movq %rcx, -4(%rax)",
     "#PF")
CODE_2(enter, "enter $0xffff, $31", "#PF", "#PF #SS")
CODE(split_lock, "leaq attack_buffer(%rip), %rax; lock incl 62(%rax)",
     "ok #AC")
CODE(unaligned_16, "leaq attack_buffer(%rip), %rax; lock cmpxchg16b 8(%rax)",
     "#GP")
CODE(clflush, "clflush (%rsp)", "ok")
CODE(clflush_hypercall, "movl $0x40002000, %eax; clflush (%rax)", "ok")
CODE(clflush_system, "movl $0x40000000, %eax; clflush (%rax)", "#PF")
CODE(clflushopt, "clflushopt (%rsp)", "ok #UD")
CODE(clwb, "clwb (%rsp)", "ok #UD")
CODE(prefetch_kernel, "movq $-2130706432, %rax; prefetcht0 (%rax)", "ok")
CODE(prefetch_odd, NOT_CANONICAL "%rax; prefetchnta (%rax)", "ok")

/* ---- exceptions, and time without end ---------------------------------- */

CODE(divide, "xorl %ecx, %ecx; divl %ecx", "#DE")
CODE(x87, "fninit; fldcw attack_unmasked(%rip); fld1; fldz; fdivrp; fwait",
     "#MF")
CODE(simd, "ldmxcsr attack_mxcsr(%rip); xorps %xmm0, %xmm0; "
           "divss %xmm0, %xmm0", "#XM")
CODE(spin_pause, "1: pause; jmp 1b", "time")
CODE(spin_movs, "cld; leaq attack_buffer(%rip), %rax; 1: movq %rax, %rdi; "
                "movq %rax, %rsi; movl $4096, %ecx; rep movsb; jmp 1b", "time")
CODE(spin_locked, "leaq attack_buffer(%rip), %rax; 1: lock incl (%rax); "
                  "jmp 1b", "time")
CODE(spin_cpuid, "1: xorl %eax, %eax; cpuid; jmp 1b", "time")
CODE(spin_flush, "1: movl $2, %edi; movq attack_leave(%rip), %rax; "
                 "call *%rax; jmp 1b", "time")
CODE(spin_selectors, "1: movl $0x2b, %eax; movl %eax, %ss; "
                     "movl %eax, %ds; jmp 1b", "time")

CALL(spin_fault, "time")
CALL(spin_ud2, "time")
CALL(spin_log, "time")
CALL(spin_print, "time")
CALL(spin_raw_call, "time")
CALL(spin_call, "time")
CALL(spin_handler, "time")

CALL(recursion, "#PF")
CALL(frame, "#PF")
CALL(heap, "abort")
CALL(handler_faults, "#UD #PF")
CALL(handler_recursion, "#UD #PF")
CALL(handler_calls, "ok")
CALL(handler_parks, "output")
CALL(handler_nowhere, "#UD #PF")
CALL(handler_system, "#UD #PF")
CALL(handler_odd, "output")
CALL(handler_entry, "abort time")
CALL(resume_flags, "ok")
CALL(resume_odd, "left")
CALL(resume_kernel, "left")
CALL(resume_system, "#PF")
CALL(resume_twice, "ok")
CALL(resume_nowhere, "left")
CALL(resume_read_only, "left")
CALL(resume_across, "left")
CALL(output_size, "output")
CALL(output_function, "output")
CALL(output_headers, "output")
CALL(output_header_lf, "output")
CALL(output_header_nul, "output")
CALL(output_header_name, "output")
CALL(output_header_long, "output")
CALL(output_status, "output")
CALL(output_body, "output")
CALL(output_records, "ok")

#endif
