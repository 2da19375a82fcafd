/*
 * SAM D21: non-volatile memory controller (SAM D21 data sheet DS40001882, 22 NVMCTRL). Rows of 4 pages of 64 bytes; a page is
 * written from a buffer in which what is not written is left as it is. Erasing all is the device service unit's, which
 * clears RAM too: no command for a loader.
 */
#include "loader.h"

#define CTRLA 0x00u   /* 16 bits */
#define CTRLB 0x04u
#define INTFLAG 0x14u /* bit 0: ready */
#define STATUS 0x18u  /* 16 bits */
#define ADDR 0x1Cu    /* in 16-bit words */

#define CMD(command) ((uint16_t)(0xA500u | (command)))
#define CMD_ERASE_ROW 0x02u
#define CMD_WRITE_PAGE 0x04u
#define CMD_CLEAR_BUFFER 0x44u
#define CTRLB_MANUAL_WRITE (1u << 7)
/* PROGE, LOCKE, NVME; written back to clear them. */
#define STATUS_ERRORS 0x1Cu
#define PAGE 64u

/* SYSCTRL.OSC8M: the clock after reset is 1 MHz, by a prescaler of 8 (17.8.12). */
#define OSC8M 0x40000820u
#define OSC8M_PRESCALER (3u << 8)
/* 1.7 s at 8 MHz; a row takes 6 ms. */
#define PATIENCE 2000000u

INLINE uint32_t wait_ready(uint32_t nvm) {
    return wait_for(nvm + INTFLAG, 1u, 1u, PATIENCE);
}

static uint32_t obey(uint32_t nvm, uint32_t command) {
    HALF(nvm + CTRLA) = CMD(command);
    if (wait_ready(nvm) != OK) return TIMEOUT;
    return (HALF(nvm + STATUS) & STATUS_ERRORS) != 0u ? REFUSED : OK;
}

uint32_t flash_open(mailbox *box) {
    uint32_t nvm = box->controller;
    WORD(OSC8M) &= ~OSC8M_PRESCALER;
    if (wait_ready(nvm) != OK) return TIMEOUT;
    WORD(nvm + CTRLB) |= CTRLB_MANUAL_WRITE;
    HALF(nvm + STATUS) = STATUS_ERRORS;
    return obey(nvm, CMD_CLEAR_BUFFER);
}

uint32_t flash_close(mailbox *box) {
    return wait_ready(box->controller);
}

uint32_t flash_erase(mailbox *box, uint32_t address) {
    uint32_t nvm = box->controller;
    WORD(nvm + ADDR) = address / 2u;
    return obey(nvm, CMD_ERASE_ROW);
}

static uint32_t write_page(uint32_t nvm, uint32_t to, const volatile uint32_t *from, uint32_t bytes) {
    for (uint32_t at = 0; at != bytes; at += 4u) WORD(to + at) = *from++;
    WORD(nvm + ADDR) = to / 2u;
    return obey(nvm, CMD_WRITE_PAGE);
}

uint32_t flash_program(mailbox *box, uint32_t to, const volatile uint32_t *from, uint32_t bytes) {
    uint32_t nvm = box->controller;
    while (bytes != 0u) {
        uint32_t size = PAGE - to % PAGE;
        if (size > bytes) size = bytes;
        if (!all_erased(from, size)) {
            uint32_t status = write_page(nvm, to, from, size);
            if (status != OK) {
                box->fault = to;
                return status;
            }
        }
        to += size;
        from += size / 4u;
        bytes -= size;
    }
    return OK;
}
