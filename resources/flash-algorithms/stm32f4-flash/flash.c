/*
 * STM32F4: embedded flash interface (RM0090, 3.9 Flash interface registers). Sectors of 16, 64 and 128 KiB; 32-bit parallelism,
 * which needs a supply of 2.7 V or more.
 */
#include "loader.h"

#define KEYR 0x04u
#define SR 0x0Cu
#define CR 0x10u

#define KEY1 0x45670123u
#define KEY2 0xCDEF89ABu

#define SR_BSY (1u << 16)
/* OPERR, WRPERR, PGAERR, PGPERR, PGSERR; written back to clear them. */
#define SR_ERRORS 0xF2u
#define CR_PG (1u << 0)
#define CR_SER (1u << 1)
#define CR_MER (1u << 2)
#define CR_MER1 (1u << 15) /* the second bank of chips that have one */
#define CR_SNB(sector) ((sector) << 3)
#define CR_PSIZE_WORD (2u << 8)
#define CR_STRT (1u << 16)
#define CR_LOCK (1u << 31)

#define FLASH_START 0x08000000u
#define BANK_SIZE 0x100000u
/* Sectors of the second bank are numbered from 16 on in SNB. */
#define SECOND_BANK 16u
/* 30 s at 16 MHz, the clock after reset; erasing 1 MiB takes 16 s at most. */
#define PATIENCE 70000000u

INLINE uint32_t wait_idle(uint32_t flash) {
    return wait_for(flash + SR, SR_BSY, 0u, PATIENCE);
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
    WORD(flash + SR) = SR_ERRORS;
    return (WORD(flash + CR) & CR_LOCK) != 0u ? REFUSED : OK;
}

uint32_t flash_close(mailbox *box) {
    uint32_t flash = box->controller;
    uint32_t status = wait_idle(flash);
    WORD(flash + CR) = CR_LOCK;
    return status;
}

/* 4 sectors of 16 KiB, one of 64, the others of 128. */
INLINE uint32_t sector_of(uint32_t address) {
    uint32_t offset = address - FLASH_START;
    uint32_t first = 0;
    if (offset >= BANK_SIZE) {
        offset -= BANK_SIZE;
        first = SECOND_BANK;
    }
    if (offset < 0x10000u) return first + (offset >> 14);
    if (offset < 0x20000u) return first + 4u;
    return first + 4u + (offset >> 17);
}

uint32_t flash_erase(mailbox *box, uint32_t address) {
    uint32_t flash = box->controller;
    uint32_t control = CR_SER | CR_PSIZE_WORD | CR_SNB(sector_of(address));
    WORD(flash + CR) = control;
    WORD(flash + CR) = control | CR_STRT;
    return outcome(flash);
}

uint32_t flash_erase_all(mailbox *box) {
    uint32_t flash = box->controller;
    uint32_t control = CR_MER | CR_PSIZE_WORD;
    if (box->length > BANK_SIZE) control |= CR_MER1;
    WORD(flash + CR) = control;
    WORD(flash + CR) = control | CR_STRT;
    return outcome(flash);
}

/* The next word is fetched while this one is being programmed; the error flags stay set until they are looked at. */
uint32_t flash_program(mailbox *box, uint32_t to, const volatile uint32_t *from, uint32_t bytes) {
    uint32_t flash = box->controller;
    uint32_t end = to + bytes;
    WORD(flash + CR) = CR_PG | CR_PSIZE_WORD;
    uint32_t word = *from++;
    for (;;) {
        if (word != ERASED_WORD) WORD(to) = word;
        to += 4u;
        if (to == end) break;
        word = *from++;
        if (wait_idle(flash) != OK) {
            box->fault = to - 4u;
            return TIMEOUT;
        }
    }
    box->fault = end - bytes;
    return outcome(flash);
}
