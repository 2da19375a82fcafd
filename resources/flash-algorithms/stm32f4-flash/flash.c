/*
 * STM32F4: embedded flash interface (RM0090, 3.9 Flash interface registers). Sectors of 16, 64 and 128 KiB; 32-bit parallelism,
 * which needs a supply of 2.7 V or more.
 */
#include "loader.h"

#define ACR 0x00u /* bits 2-0: wait states */
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
/* 30 s at 48 MHz; erasing 1 MiB takes 16 s at most. */
#define PATIENCE 200000000u

#define RCC 0x40023800u
#define RCC_CR RCC
#define RCC_PLLCFGR (RCC + 0x04u)
#define RCC_CFGR (RCC + 0x08u)
#define PLL_ON (1u << 24)
#define PLL_READY (1u << 25)
/* 16 MHz / 8 x 96 / 4, and / 4 for what nobody uses */
#define PLL_48_MHZ (8u | (96u << 6) | (1u << 16) | (4u << 24))
/* APB1 must not exceed 42 MHz. */
#define CFGR_PLL_APB1_HALF (2u | (4u << 10))
#define CLOCK_PATIENCE 100000u

/*
 * 48 MHz from the internal oscillator: at the 16 MHz after reset the core's part of a word would be a tenth of the flash's.
 * One wait state does at that speed (RM0090, table 10).
 */
static void speed_up(uint32_t flash) {
    if ((WORD(RCC_CFGR) & 0xCu) != 0u) return;
    WORD(RCC_PLLCFGR) = PLL_48_MHZ;
    WORD(RCC_CR) |= PLL_ON;
    if (wait_for(RCC_CR, PLL_READY, PLL_READY, CLOCK_PATIENCE) != OK) return;
    WORD(flash + ACR) = 1u;
    (void)WORD(flash + ACR);
    WORD(RCC_CFGR) = CFGR_PLL_APB1_HALF;
    (void)wait_for(RCC_CFGR, 0xCu, 0x8u, CLOCK_PATIENCE);
}

INLINE uint32_t wait_idle(uint32_t flash) {
    return wait_for(flash + SR, SR_BSY, 0u, PATIENCE);
}

INLINE uint32_t outcome(uint32_t flash) {
    if (wait_idle(flash) != OK) return TIMEOUT;
    return (WORD(flash + SR) & SR_ERRORS) != 0u ? REFUSED : OK;
}

uint32_t flash_open(mailbox *box) {
    uint32_t flash = box->controller;
    speed_up(flash);
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

/*
 * The next word is fetched while this one is being programmed. A word's wait has no limit of its own, which would cost a
 * register that this loop has not got: the host has one. The error flags stay set until they are looked at.
 */
uint32_t flash_program(mailbox *box, uint32_t to, const volatile uint32_t *from, uint32_t bytes) {
    uint32_t flash = box->controller;
    uint32_t end = to + bytes;
    WORD(flash + CR) = CR_PG | CR_PSIZE_WORD;
    uint32_t word = *from++;
    box->fault = to;
    for (;;) {
        if (word != ERASED_WORD) WORD(to) = word;
        to += 4u;
        if (to == end) break;
        word = *from++;
        while ((WORD(flash + SR) & SR_BSY) != 0u) {}
    }
    return outcome(flash);
}
