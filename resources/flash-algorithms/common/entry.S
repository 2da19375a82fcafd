@ Entry and exit of every flash loader. ARMv6-M instructions only, so that every Cortex-M runs it.
@ The host sets PC = entry, fills the mailbox and resumes; the loader ends in `done`, where the host keeps
@ a hardware breakpoint. Nothing has to be restored between two calls: entry sets up everything it needs.
        .syntax unified
        .cpu    cortex-m0
        .thumb
        .section .text.entry, "ax", %progbits
        .global entry
        .global done
        .thumb_func
entry:  cpsid   i                       @ the firmware that ran before may have interrupts pending
        ldr     r0, =loader_stack_top
        mov     sp, r0
        ldr     r0, =loader_mailbox
        bl      loader_run
        .thumb_func
done:   b       done
        .pool
