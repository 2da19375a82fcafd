@ What a survey tells pages apart by. Per word: a ^= word, b += a, a = rotate right(a, 13), and after every second word a *= factor; from
@ a = factor, b = 0; in the end a ^ b. The same as pageDigest in src-main/plan/page-digest.ts, which says why. ARMv6-M instructions only.
        .syntax unified
        .cpu    cortex-m0
        .thumb
        .equ    FACTOR, 0xc2b2ae3d
        .equ    PLACES, 13

        .macro  take word
        eors    r1, \word
        add     r12, r1
        rors    r1, r3
        .endm

@ uint32_t page_digest(uint32_t at, uint32_t bytes): whole words. r0 where it is, r1 a, r12 b, r2 factor, r3 places, r4-r7 words.
@ Sixteen words a turn, four a load: 5 cycles a word on a Cortex-M4, of which the loads are 1.25. Flash may begin at 0.
        .section .text.page_digest, "ax", %progbits
        .global page_digest
        .thumb_func
page_digest:
        push    {r4-r7, lr}
        adds    r7, r0, r1              @ the end
        lsrs    r1, r1, #6
        lsls    r1, r1, #6
        adds    r1, r1, r0              @ the end of whole turns
        mov     lr, r1
        push    {r7}
        movs    r1, #0
        mov     r12, r1
        ldr     r2, =FACTOR
        mov     r1, r2
        movs    r3, #PLACES
        b       more
turn:   .rept   4
        ldmia   r0!, {r4-r7}
        take    r4
        take    r5
        muls    r1, r2
        take    r6
        take    r7
        muls    r1, r2
        .endr
more:   cmp     r0, lr
        bne     turn
        pop     {r7}
        b       left
word:   ldmia   r0!, {r4}
        take    r4
        cmp     r0, r7
        beq     end
        ldmia   r0!, {r4}
        take    r4
        muls    r1, r2
left:   cmp     r0, r7
        bne     word
end:    mov     r0, r12
        eors    r0, r1
        pop     {r4-r7, pc}
        .pool
