/*
 * RP2040: a QSPI NOR flash (W25Q16JV) behind the synchronous serial interface (RP2040 data sheet, 4.10 SSI), which also serves
 * reads of 0x10000000 (2.6.3 XIP). Drives the flash itself, by commands that all such parts know, with no call into the boot ROM.
 * The flash answers in single-bit mode: whatever mode firmware left it in is ended first.
 */
#include "loader.h"

#define RESETS 0x4000C000u
#define RESET_DONE 0x08u
#define RESET_PLL_SYS (1u << 12)
#define RESET_QSPI ((1u << 6) | (1u << 9)) /* IO_QSPI, PADS_QSPI */
#define SET 0x2000u /* atomic bit set and clear aliases of a peripheral (2.1.2) */
#define CLEAR 0x3000u

#define CLOCKS 0x40008000u
#define CLK_REF_CTRL 0x30u
#define CLK_REF_SELECTED 0x38u
#define CLK_REF_XOSC 2u
#define CLK_SYS_CTRL 0x3Cu
#define CLK_SYS_SELECTED 0x44u
#define CLK_SYS_AUX 1u /* and its source 0: PLL_SYS */

#define XOSC 0x40024000u
#define XOSC_STATUS 0x04u
#define XOSC_STARTUP 0x0Cu
#define XOSC_ENABLE 0x00FABAA0u
#define XOSC_STABLE (1u << 31)

#define PLL_SYS 0x40028000u
#define PLL_PWR 0x04u
#define PLL_FBDIV 0x08u
#define PLL_PRIM 0x0Cu
#define PLL_LOCK (1u << 31)
#define PLL_PD (1u << 0)
#define PLL_POSTDIVPD (1u << 3)
#define PLL_VCOPD (1u << 5)

#define SSI 0x18000000u
#define CTRLR0 (SSI + 0x00u)
#define CTRLR1 (SSI + 0x04u)
#define SSIENR (SSI + 0x08u)
#define SER (SSI + 0x10u)
#define BAUDR (SSI + 0x14u)
#define SR (SSI + 0x28u)
#define DR0 (SSI + 0x60u)
#define RX_SAMPLE_DLY (SSI + 0xF0u)
#define SPI_CTRLR0 (SSI + 0xF4u)
#define SR_BUSY (1u << 0)
#define SR_TFNF (1u << 1)
#define SR_TFE (1u << 2)
#define SR_RFNE (1u << 3)

#define BITS(count) (((count) - 1u) << 16) /* CTRLR0.DFS_32 */
#define BOTH_WAYS (0u << 8)                /* CTRLR0.TMOD */
#define SEND_ONLY (1u << 8)
#define READ_AFTER_COMMAND (3u << 8)

#define CHIP_SELECT 0x4001800Cu /* IO_QSPI GPIO_QSPI_SS_CTRL; OUTOVER in bits 9-8 */
#define SELECT_BY_SSI 0u
#define SELECT_LOW (2u << 8)
#define SELECT_HIGH (3u << 8)
#define PAD_SD0 0x40020008u /* PADS_QSPI GPIO_QSPI_SD0; SD1 to SD3 follow */

#define XIP_CTRL 0x14000000u
#define XIP_FLUSH 0x14000004u
#define XIP_START 0x10000000u

/* W25Q16JV data sheet, 8.1.2 Instruction set. */
#define PAGE_PROGRAM 0x02u
#define FAST_READ 0x0Bu
#define READ_STATUS 0x05u
#define WRITE_ENABLE 0x06u
#define ERASE_4K 0x20u
#define ERASE_CHIP 0xC7u
#define ERASE_64K 0xD8u
#define STATUS_BUSY 1u
#define SIZE_64K 0x10000u

/* Turns: about 0.1 s at 6.5 MHz. */
#define CLOCK_PATIENCE 100000u
/* A look at the flash's status takes about 1 us: 40 s, where erasing the chip takes 25 s at most. */
#define PATIENCE 40000000u
/* A frame takes at most 1 us. */
#define FRAME_PATIENCE 10000u

/*
 * 125 MHz from the crystal (12 MHz on every board that boots from USB): the ring oscillator's 6.5 MHz would cost more time
 * per page than the flash. Where there is no crystal things stay as they are, and slow.
 */
static void speed_up(void) {
    /* By PLL_SYS already; the boot ROM's USB mode runs by the slower PLL_USB. */
    if ((WORD(CLOCKS + CLK_SYS_CTRL) & 0xE1u) == CLK_SYS_AUX) return;
    WORD(CLOCKS + CLEAR + CLK_SYS_CTRL) = CLK_SYS_AUX;
    if (wait_for(CLOCKS + CLK_SYS_SELECTED, 1u, 1u, CLOCK_PATIENCE) != OK) return;
    WORD(XOSC + XOSC_STARTUP) = 47u;
    WORD(XOSC) = XOSC_ENABLE;
    if (wait_for(XOSC + XOSC_STATUS, XOSC_STABLE, XOSC_STABLE, CLOCK_PATIENCE) != OK) return;
    WORD(CLOCKS + CLK_REF_CTRL) = CLK_REF_XOSC;
    if (wait_for(CLOCKS + CLK_REF_SELECTED, 1u << CLK_REF_XOSC, 1u << CLK_REF_XOSC, CLOCK_PATIENCE) != OK) return;
    WORD(RESETS + SET) = RESET_PLL_SYS;
    WORD(RESETS + CLEAR) = RESET_PLL_SYS;
    if (wait_for(RESETS + RESET_DONE, RESET_PLL_SYS, RESET_PLL_SYS, CLOCK_PATIENCE) != OK) return;
    /* 12 MHz x 125 = 1500 MHz, / 6 / 2 */
    WORD(PLL_SYS) = 1u;
    WORD(PLL_SYS + PLL_FBDIV) = 125u;
    WORD(PLL_SYS + CLEAR + PLL_PWR) = PLL_PD | PLL_VCOPD;
    if (wait_for(PLL_SYS, PLL_LOCK, PLL_LOCK, CLOCK_PATIENCE) != OK) return;
    WORD(PLL_SYS + PLL_PRIM) = (6u << 16) | (2u << 12);
    WORD(PLL_SYS + CLEAR + PLL_PWR) = PLL_POSTDIVPD;
    WORD(CLOCKS + CLK_SYS_CTRL) = 0u; /* the source first, then the switch to it */
    WORD(CLOCKS + CLK_SYS_CTRL) = CLK_SYS_AUX;
    (void)wait_for(CLOCKS + CLK_SYS_SELECTED, 1u << CLK_SYS_AUX, 1u << CLK_SYS_AUX, CLOCK_PATIENCE);
}

static void configure(uint32_t control, uint32_t divider) {
    WORD(SSIENR) = 0u;
    WORD(BAUDR) = divider;
    WORD(RX_SAMPLE_DLY) = 1u;
    WORD(CTRLR0) = control;
    WORD(SER) = 1u;
    WORD(SSIENR) = 1u;
}

INLINE void select(uint32_t level) {
    WORD(CHIP_SELECT) = level;
    (void)WORD(CHIP_SELECT);
}

/* One frame out, one in. */
INLINE uint32_t exchange(uint32_t frame) {
    WORD(DR0) = frame;
    (void)wait_for(SR, SR_RFNE, SR_RFNE, FRAME_PATIENCE);
    return WORD(DR0);
}

/* A command of one byte, alone. */
static void command(uint32_t code) {
    select(SELECT_LOW);
    exchange(code);
    select(SELECT_HIGH);
}

OWN_REGISTERS uint32_t wait_flash(void) {
    uint32_t status = TIMEOUT;
    select(SELECT_LOW);
    exchange(READ_STATUS);
    /* The flash goes on answering for as long as it is clocked. */
    for (uint32_t turns = PATIENCE; turns != 0u; turns--) {
        if ((exchange(0u) & STATUS_BUSY) == 0u) {
            status = OK;
            break;
        }
    }
    select(SELECT_HIGH);
    return status;
}

/* Commands of 8-bit frames, at 62.5 MHz. */
static void command_mode(void) {
    configure(BITS(8u) | BOTH_WAYS, 2u);
}

/*
 * Leaves continuous read mode (W25Q16JV 8.2.10: ones on all lines for longer than any address): 32 clocks with the flash selected and
 * the data lines pulled up, then a byte of ones in single-bit mode.
 */
static void leave_continuous_read(void) {
    for (uint32_t pad = 0; pad != 4u; pad++) WORD(PAD_SD0 + 4u * pad) = (WORD(PAD_SD0 + 4u * pad) & ~0x84u) | 0x88u;
    select(SELECT_LOW);
    for (uint32_t frame = 0; frame != 4u; frame++) exchange(0xFFu);
    select(SELECT_HIGH);
    for (uint32_t pad = 0; pad != 4u; pad++) WORD(PAD_SD0 + 4u * pad) = 0x52u; /* as after reset, with its input on */
    command(0xFFu);
}

uint32_t flash_open(mailbox *box) {
    (void)box;
    speed_up();
    WORD(RESETS + CLEAR) = RESET_QSPI;
    if (wait_for(RESETS + RESET_DONE, RESET_QSPI, RESET_QSPI, CLOCK_PATIENCE) != OK) return TIMEOUT;
    select(SELECT_HIGH);
    command_mode();
    leave_continuous_read();
    return wait_flash();
}

/* Reads of 0x10000000 become the flash's fast read command, by one wire at 62.5 MHz; what is cached is of before. */
uint32_t flash_close(mailbox *box) {
    (void)box;
    uint32_t status = wait_flash();
    select(SELECT_BY_SSI);
    WORD(SSIENR) = 0u;
    WORD(CTRLR1) = 0u;
    /* The instruction of 8 bits from here, 24 bits of address, 8 clocks of waiting. */
    WORD(SPI_CTRLR0) = (FAST_READ << 24) | (8u << 11) | (2u << 8) | (6u << 2);
    configure(BITS(32u) | READ_AFTER_COMMAND, 2u);
    WORD(XIP_FLUSH) = 1u;
    (void)WORD(XIP_FLUSH);
    WORD(XIP_CTRL) = 1u;
    return status;
}

uint32_t flash_erase(mailbox *box, uint32_t address) {
    uint32_t code = box->page == SIZE_64K ? ERASE_64K : ERASE_4K;
    uint32_t offset = address - XIP_START;
    command(WRITE_ENABLE);
    select(SELECT_LOW);
    exchange(code);
    exchange(offset >> 16);
    exchange((offset >> 8) & 0xFFu);
    exchange(offset & 0xFFu);
    select(SELECT_HIGH);
    return wait_flash();
}

uint32_t flash_erase_all(mailbox *box) {
    (void)box;
    command(WRITE_ENABLE);
    command(ERASE_CHIP);
    return wait_flash();
}

/* A chunk is a page of the flash. Frames of 32 bits, the first bit first: command and address are one, then the words turned. */
OWN_REGISTERS uint32_t send_page(uint32_t to, const volatile uint32_t *from, uint32_t bytes) {
    uint32_t end = (uint32_t)from + bytes;
    configure(BITS(32u) | SEND_ONLY, 2u);
    select(SELECT_LOW);
    WORD(DR0) = (PAGE_PROGRAM << 24) | (to - XIP_START);
    while ((uint32_t)from != end) {
        uint32_t frame = __builtin_bswap32(*from++);
        while ((WORD(SR) & SR_TFNF) == 0u) {}
        WORD(DR0) = frame;
    }
    uint32_t status = wait_for(SR, SR_TFE | SR_BUSY, SR_TFE, FRAME_PATIENCE);
    select(SELECT_HIGH);
    command_mode();
    return status;
}

uint32_t flash_program(mailbox *box, uint32_t to, const volatile uint32_t *from, uint32_t bytes) {
    if (all_erased(from, bytes)) return OK;
    command(WRITE_ENABLE);
    uint32_t status = send_page(to, from, bytes);
    if (status == OK) status = wait_flash();
    if (status != OK) box->fault = to;
    return status;
}
