@ SHA-256 (FIPS 180-4) of a unit's memory, made by the unit while its boot loader runs: an exception handler in RAM that the boot
@ loader's SysTick enters, once. Pages are compared by MurmurHash3 (32 bits), which is twenty times as fast and no proof.
@ ARMv6-M instructions only; runs at any multiple of 256 bytes, which is its base.
@
@ Byte map from the base on, shared with src-main/programmer/hf2/digest-code.ts (words, little endian):
@   0x000  the boot loader's own vectors, copied; SysTick's is `handler`
@   0x0C0  status: the host writes all ones; 0 when done
@   0x0C4  what VTOR was, and becomes again
@   0x0C8  bit 0: a new digest begins, bit 1: it ends with these bytes, bit 2: no digest, but the hashes of pages
@   0x0CC  address of the bytes
@   0x0D0  how many there are: a multiple of 64 unless it ends; whole pages, at least one
@   0x0D4  how many there were in all
@   0x0D8  bytes of a page, whole words
@   0x0DC  unused
@   0x0E0  the digest's eight words, each with its first byte lowest once it has ended
@   0x100  W, 64 words of scratch
@   0x200  this file: K, then code
@   0x800  the hashes of pages, a word each
        .syntax unified
        .cpu    cortex-m0
        .thumb
        .equ    BOX, 0xc0
        .equ    VTOR_WAS, 0x04
        .equ    FLAGS, 0x08
        .equ    AT, 0x0c
        .equ    LEFT, 0x10
        .equ    TOTAL, 0x14
        .equ    PAGE, 0x18
        .equ    STATE, 0xe0
        .equ    HASHES, 0x800
        .equ    CODE, 0x300

        .text
        .balign 256
        .global k
k:      .word   0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
        .word   0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
        .word   0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
        .word   0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
        .word   0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
        .word   0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
        .word   0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
        .word   0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2

@ What the hardware does not save is saved first, and VTOR put back: whatever happens from here on, the next SysTick is the boot loader's.
        .global handler
        .thumb_func
handler:
        push    {r4-r7, lr}
        mov     r4, r8
        mov     r5, r9
        mov     r6, r10
        mov     r7, r11
        push    {r4-r7}
        mov     r7, pc                  @ in the first 256 bytes of the code
        lsrs    r7, r7, #8
        lsls    r7, r7, #8
        movs    r0, #(CODE >> 8)
        lsls    r0, r0, #8
        subs    r7, r7, r0              @ the base
        push    {r7}                    @ [sp] throughout, [sp, #4] in `block`
        movs    r6, #BOX
        adds    r6, r6, r7
        ldr     r0, =0xe000ed08
        ldr     r1, [r6, #VTOR_WAS]
        str     r1, [r0]
        dsb

        ldr     r0, [r6, #FLAGS]
        lsrs    r1, r0, #3
        bcs     pages
        lsrs    r0, r0, #1
        bcc     blocks
        adr     r0, initial
        movs    r1, #STATE
        adds    r1, r1, r7
        ldmia   r0!, {r2-r5}
        stmia   r1!, {r2-r5}
        ldmia   r0!, {r2-r5}
        stmia   r1!, {r2-r5}

blocks: ldr     r7, [sp]
        movs    r6, #BOX
        adds    r6, r6, r7
        ldr     r1, [r6, #AT]
        ldr     r2, [r6, #LEFT]
        cmp     r2, #64
        bcc     tail
        subs    r2, r2, #64
        str     r2, [r6, #LEFT]
        movs    r0, #64
        adds    r2, r1, r0
        str     r2, [r6, #AT]
        lsls    r2, r1, #30
        beq     whole
        bl      copy                    @ words cannot be loaded from there
        mov     r1, r0
whole:  mov     r0, r1
        bl      block
        b       blocks

@ What is left, a bit, zeros, and the number of bits.
tail:   ldr     r0, [r6, #FLAGS]
        lsrs    r0, r0, #2
        bcc     done
        bl      blank
        ldr     r0, [r6, #LEFT]
        ldr     r1, [r6, #AT]
        bl      copy
        ldr     r2, [r6, #LEFT]
        movs    r3, #0x80
        strb    r3, [r0, r2]
        cmp     r2, #56
        bcc     last
        bl      block
        ldr     r7, [sp]
        movs    r6, #BOX
        adds    r6, r6, r7
        bl      blank
last:   movs    r0, #1
        lsls    r0, r0, #8
        adds    r0, r0, r7
        ldr     r1, [r6, #TOTAL]
        lsrs    r2, r1, #29
        rev     r2, r2
        str     r2, [r0, #56]
        lsls    r1, r1, #3
        rev     r1, r1
        str     r1, [r0, #60]
        bl      block
        ldr     r7, [sp]
        movs    r0, #STATE
        adds    r0, r0, r7
        movs    r2, #8
turn:   ldr     r1, [r0]
        rev     r1, r1
        stmia   r0!, {r1}
        subs    r2, r2, #1
        bne     turn

        b       done
pages:  bl      hashes
done:   pop     {r7}
        movs    r0, #0
        adds    r7, r7, #BOX
        str     r0, [r7]
        pop     {r4-r7}
        mov     r8, r4
        mov     r9, r5
        mov     r10, r6
        mov     r11, r7
        pop     {r4-r7, pc}

        .balign 4
initial:
        .word   0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
        .pool

@ r0 bytes from r1 to W; r7 base. Leaves W in r0, keeps r6 and r7.
        .thumb_func
copy:   mov     r3, r0
        movs    r0, #1
        lsls    r0, r0, #8
        adds    r0, r0, r7
copying:
        subs    r3, r3, #1
        bcc     copied
        ldrb    r2, [r1, r3]
        strb    r2, [r0, r3]
        b       copying
copied: bx      lr

@ Sixteen zeros in W; r7 base. Keeps r6 and r7.
        .thumb_func
blank:  movs    r0, #1
        lsls    r0, r0, #8
        adds    r0, r0, r7
        movs    r1, #0
        movs    r2, #16
zeros:  stmia   r0!, {r1}
        subs    r2, r2, #1
        bne     zeros
        bx      lr

@ MurmurHash3_x86_32, seed 0, of each page; r7 base, r6 box. Keeps nothing.
        .macro  murmur                  @ one word: r1 where it is, r2 and r3 the factors, r5 the hash, r6 what is added
        ldmia   r1!, {r0}
        muls    r0, r2
        movs    r4, #17                 @ to the left by 15, then by 13
        rors    r0, r4
        muls    r0, r3
        eors    r5, r0
        movs    r4, #19
        rors    r5, r4
        lsls    r4, r5, #2
        adds    r5, r5, r4
        adds    r5, r5, r6
        .endm
        .thumb_func
hashes: movs    r0, #(HASHES >> 8)
        lsls    r0, r0, #8
        adds    r7, r7, r0              @ where the next goes
        ldr     r1, [r6, #AT]
        ldr     r0, [r6, #LEFT]
        adds    r0, r0, r1
        mov     r9, r0                  @ the end
        ldr     r0, [r6, #PAGE]
        mov     r10, r0
        ldr     r2, =0xcc9e2d51
        ldr     r3, =0x1b873593
        ldr     r6, =0xe6546b64
page:   mov     r8, r1
        add     r8, r10
        movs    r5, #0
next: murmur
        cmp     r1, r8
        bne     next
        mov     r0, r10
        eors    r5, r0
        lsrs    r0, r5, #16
        eors    r5, r0
        ldr     r0, =0x85ebca6b
        muls    r5, r0
        lsrs    r0, r5, #13
        eors    r5, r0
        ldr     r0, =0xc2b2ae35
        muls    r5, r0
        lsrs    r0, r5, #16
        eors    r5, r0
        stmia   r7!, {r5}
        cmp     r1, r9
        bne     page
        bx      lr
        .pool

@ One of the four rounds after which every register is what it was: e to h in low registers, a to d in high ones, which take the two
@ new words; r3 walks through W, with K 256 bytes behind; r12 has b ^ c.
        .macro  round e, f, g, h, a, b, c, d
        ldmia   r3!, {r0}
        movs    r1, #252
        ldr     r1, [r3, r1]
        adds    \h, \h, r0
        adds    \h, \h, r1
        mov     r0, \f                  @ Ch: ((f ^ g) & e) ^ g
        eors    r0, \g
        ands    r0, \e
        eors    r0, \g
        adds    \h, \h, r0
        movs    r1, #14                 @ rotations by 6, 11, 25
        mov     r0, \e
        rors    r0, r1
        eors    r0, \e
        movs    r1, #5
        rors    r0, r1
        eors    r0, \e
        movs    r1, #6
        rors    r0, r1
        adds    \h, \h, r0
        mov     r2, \a                  @ by 2, 13, 22
        movs    r1, #9
        mov     r0, r2
        rors    r0, r1
        eors    r0, r2
        movs    r1, #11
        rors    r0, r1
        eors    r0, r2
        movs    r1, #2
        rors    r0, r1
        adds    r0, r0, \h
        add     \h, \d                  @ the new e
        mov     \d, r0
        mov     r1, \b                  @ Maj: ((a ^ b) & (b ^ c)) ^ b
        eors    r2, r1
        mov     r0, r12
        mov     r12, r2
        ands    r0, r2
        eors    r0, r1
        add     \d, r0                  @ the new a
        .endm

@ One word of the schedule, into W at `to` words behind r0. \was has the one 16 before, \x gets the one 15 before.
        .macro  word to, was, x
        ldr     \x, [r0, #(\to * 4 + 4)]
        mov     r3, \x                  @ rotations by 7, 18, a shift by 3
        rors    r3, r4
        eors    r3, \x
        rors    r3, r5
        lsrs    r7, \x, #3
        eors    r3, r7
        adds    \was, \was, r3
        ldr     r3, [r0, #(\to * 4 + 36)]
        adds    \was, \was, r3
        ldr     r3, [r0, #(\to * 4 + 56)]
        mov     r7, r3                  @ by 17, 19, a shift by 10
        movs    r6, #2
        rors    r7, r6
        eors    r7, r3
        movs    r6, #17
        rors    r7, r6
        lsrs    r3, r3, #10
        eors    r7, r3
        adds    \was, \was, r7
        str     \was, [r0, #(\to * 4 + 64)]
        .endm

@ The 64 bytes at r0, a word's address, into the state. Keeps nothing.
        .thumb_func
block:  push    {lr}
        ldr     r7, [sp, #4]
        movs    r6, #1
        lsls    r6, r6, #8
        adds    r6, r6, r7              @ W
        movs    r5, #4
words:  ldmia   r0!, {r1-r4}
        rev     r1, r1
        rev     r2, r2
        rev     r3, r3
        rev     r4, r4
        stmia   r6!, {r1-r4}
        subs    r5, r5, #1
        bne     words

        mov     r0, r6
        subs    r0, r0, #64
        adds    r6, r6, #128            @ W + 192: where the last words are made from
        mov     r12, r6
        movs    r4, #11
        movs    r5, #7
        ldr     r1, [r0]
schedule:
        word    0, r1, r2
        word    1, r2, r1
        word    2, r1, r2
        word    3, r2, r1
        adds    r0, r0, #16
        cmp     r0, r12
        bne     schedule

        ldr     r3, [sp, #4]
        movs    r0, #STATE
        adds    r3, r3, r0
        ldmia   r3!, {r4-r7}
        mov     r8, r4
        mov     r9, r5
        mov     r10, r6
        mov     r11, r7
        eors    r5, r6
        mov     r12, r5
        ldmia   r3!, {r4-r7}            @ and r3 is at W
        movs    r0, #1
        lsls    r0, r0, #8
        adds    r0, r0, r3
        mov     lr, r0
rounds: round   r4, r5, r6, r7, r8, r9, r10, r11
        round   r7, r4, r5, r6, r11, r8, r9, r10
        round   r6, r7, r4, r5, r10, r11, r8, r9
        round   r5, r6, r7, r4, r9, r10, r11, r8
        cmp     r3, lr
        beq     rounded
        b       rounds

rounded:
        ldr     r3, [sp, #4]
        movs    r0, #STATE
        adds    r3, r3, r0
        .irp    sum, r8, r9, r10, r11, r4, r5, r6, r7
        ldr     r0, [r3]
        add     r0, \sum
        stmia   r3!, {r0}
        .endr
        pop     {pc}
