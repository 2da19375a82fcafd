/*
 * nRF51 and nRF52: non-volatile memory controller (NVMC).
 * nRF51 Series Reference Manual v3.0, 6.2; nRF52840 Product Specification v1.1, 4.3.
 */
#include "loader.h"

#define READY 0x400u  /* bit 0: not busy */
#define CONFIG 0x504u
#define ERASEPAGE 0x508u /* address of the page */
#define ERASEALL 0x50Cu
#define ERASEUICR 0x514u

enum config { READ_ENABLED = 0, WRITE_ENABLED = 1, ERASE_ENABLED = 2 };

/* The information block (FICR, UICR) begins here; below is code flash. */
#define INFORMATION_BLOCK 0x10000000u
/* Over 0.8 s at 64 MHz and over 3 s at 16 MHz; the slowest operation of these chips takes 0.3 s. */
#define PATIENCE 8000000u

INLINE uint32_t wait_ready(uint32_t nvmc) {
    return wait_for(nvmc + READY, 1u, 1u, PATIENCE);
}

/* After a call that the host broke off: CONFIG must not change under a busy controller. */
uint32_t flash_open(mailbox *box) {
    return wait_ready(box->controller);
}

uint32_t flash_close(mailbox *box) {
    uint32_t nvmc = box->controller;
    WORD(nvmc + CONFIG) = READ_ENABLED;
    return wait_ready(nvmc);
}

uint32_t flash_erase(mailbox *box, uint32_t address) {
    uint32_t nvmc = box->controller;
    WORD(nvmc + CONFIG) = ERASE_ENABLED;
    if (address >= INFORMATION_BLOCK) {
        WORD(nvmc + ERASEUICR) = 1u;
    } else {
        WORD(nvmc + ERASEPAGE) = address;
    }
    return wait_ready(nvmc);
}

uint32_t flash_erase_all(mailbox *box) {
    uint32_t nvmc = box->controller;
    WORD(nvmc + CONFIG) = ERASE_ENABLED;
    WORD(nvmc + ERASEALL) = 1u;
    return wait_ready(nvmc);
}

/* What does not hold after its write was refused by the flash. */
uint32_t flash_program(mailbox *box, uint32_t to, const volatile uint32_t *from, uint32_t bytes) {
    uint32_t nvmc = box->controller;
    uint32_t end = to + bytes;
    WORD(nvmc + CONFIG) = WRITE_ENABLED;
    for (; to != end; from++, to += 4u) {
        uint32_t word = *from;
        if (word == ERASED_WORD) continue;
        WORD(to) = word;
        if (wait_ready(nvmc) != OK) {
            box->fault = to;
            return TIMEOUT;
        }
        if (WORD(to) != word) {
            box->fault = to;
            return REFUSED;
        }
    }
    return OK;
}
