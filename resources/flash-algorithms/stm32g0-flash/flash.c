/*
 * STM32G0: embedded flash (RM0444, 3.7 FLASH registers). Pages of 2 KiB; double words with ECC, each written once
 * after its erase, or zeroed.
 */
#include "loader.h"

#define KEYR 0x08u
#define SR 0x10u
#define CR 0x14u

#define KEY1 0x45670123u
#define KEY2 0xCDEF89ABu

/* BSY1, BSY2, CFGBSY */
#define SR_BUSY (7u << 16)
/* OPERR, PROGERR, WRPERR, PGAERR, SIZERR, PGSERR, MISERR, FASTERR; written back to clear them, and EOP with them. */
#define SR_ERRORS 0x3FAu
#define SR_EOP 1u
#define CR_PG (1u << 0)
#define CR_PER (1u << 1)
#define CR_MER1 (1u << 2)
#define CR_PNB(page) ((page) << 3)
#define CR_BKER (1u << 13)
#define CR_MER2 (1u << 15)
#define CR_STRT (1u << 16)
#define CR_LOCK (1u << 31)

#define FLASH_START 0x08000000u
#define BANK_SIZE 0x40000u
/* 2 s at 16 MHz, the clock after reset; erasing takes 40 ms at most. */
#define PATIENCE 5000000u

INLINE uint32_t wait_idle(uint32_t flash) {
    return wait_for(flash + SR, SR_BUSY, 0u, PATIENCE);
}

INLINE uint32_t outcome(uint32_t flash) {
    if (wait_idle(flash) != OK) return TIMEOUT;
    return (WORD(flash + SR) & SR_ERRORS) != 0u ? REFUSED : OK;
}

uint32_t flash_open(mailbox *box) {
    uint32_t flash = box->controller;
    if (wait_idle(flash) != OK) return TIMEOUT;
    if ((WORD(flash + CR) & CR_LOCK) != 0u) {
        WORD(flash + KEYR) = KEY1;
        WORD(flash + KEYR) = KEY2;
    }
    WORD(flash + SR) = SR_ERRORS | SR_EOP;
    return (WORD(flash + CR) & CR_LOCK) != 0u ? REFUSED : OK;
}

uint32_t flash_close(mailbox *box) {
    uint32_t flash = box->controller;
    uint32_t status = wait_idle(flash);
    WORD(flash + CR) = CR_LOCK;
    return status;
}

uint32_t flash_erase(mailbox *box, uint32_t address) {
    uint32_t flash = box->controller;
    uint32_t offset = address - FLASH_START;
    uint32_t bank = 0;
    if (offset >= BANK_SIZE) {
        offset -= BANK_SIZE;
        bank = CR_BKER;
    }
    uint32_t control = CR_PER | bank | CR_PNB(offset >> 11);
    WORD(flash + CR) = control;
    WORD(flash + CR) = control | CR_STRT;
    return outcome(flash);
}

uint32_t flash_erase_all(mailbox *box) {
    uint32_t flash = box->controller;
    uint32_t control = CR_MER1;
    if (box->length > BANK_SIZE) control |= CR_MER2;
    WORD(flash + CR) = control;
    WORD(flash + CR) = control | CR_STRT;
    return outcome(flash);
}

uint32_t flash_program(mailbox *box, uint32_t to, const volatile uint32_t *from, uint32_t bytes) {
    uint32_t flash = box->controller;
    uint32_t end = to + bytes;
    WORD(flash + CR) = CR_PG;
    for (; to != end; from += 2, to += 8u) {
        uint32_t low = from[0];
        uint32_t high = from[1];
        if ((low & high) == ERASED_WORD) continue;
        WORD(to) = low;
        WORD(to + 4u) = high;
        uint32_t status = outcome(flash);
        if (status != OK) {
            box->fault = to;
            return status;
        }
    }
    return OK;
}
