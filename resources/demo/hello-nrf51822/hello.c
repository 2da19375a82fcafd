/*
 * Demo firmware for the nRF51822: says who it is on the UART, then once a second, sleeping in between.
 * nRF51 Series Reference Manual v3.0: 28 UART, 18 TIMER. P0.24 is the transmit pin of a micro:bit.
 */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define UART_STARTTX REGISTER(0x40002008u)
#define UART_TXDRDY REGISTER(0x4000211Cu)
#define UART_ENABLE REGISTER(0x40002500u)
#define UART_PSELTXD REGISTER(0x4000250Cu)
#define UART_TXD REGISTER(0x4000251Cu)
#define UART_BAUDRATE REGISTER(0x40002524u)
#define TIMER0_START REGISTER(0x40008000u)
#define TIMER0_COMPARE0 REGISTER(0x40008140u)
#define TIMER0_SHORTS REGISTER(0x40008200u)
#define TIMER0_INTENSET REGISTER(0x40008304u)
#define TIMER0_BITMODE REGISTER(0x40008508u)
#define TIMER0_PRESCALER REGISTER(0x40008510u)
#define TIMER0_CC0 REGISTER(0x40008540u)
#define NVIC_ISER REGISTER(0xE000E100u)

extern uint32_t stack_top;
void reset(void);
void timer0(void);
static void fault(void) {
    for (;;) {}
}

/* ARMv6-M vector table: 16 of the core, then the chip's; TIMER0 is interrupt 8. */
__attribute__((section(".vectors"), used)) static const void *const vectors[16 + 9] = {
    [0] = &stack_top, [1] = reset, [2] = fault, [3] = fault, [16 + 8] = timer0,
};

static volatile uint32_t due;

void timer0(void) {
    TIMER0_COMPARE0 = 0;
    due = 1;
}

static void say(const char *text) {
    for (; *text != '\0'; text++) {
        UART_TXDRDY = 0;
        UART_TXD = (uint8_t)*text;
        while (UART_TXDRDY == 0) {}
    }
}

extern uint32_t bss_start, bss_end;

void reset(void) {
    for (uint32_t *word = &bss_start; word < &bss_end; word++) *word = 0;
    REGISTER(0x50000518u) = 1u << 24; /* GPIO DIRSET: the transmit pin drives */
    UART_PSELTXD = 24;
    UART_BAUDRATE = 0x01D7E000u; /* 115200 */
    UART_ENABLE = 4;
    UART_STARTTX = 1;
    TIMER0_BITMODE = 3; /* 32 bits */
    TIMER0_PRESCALER = 4; /* 16 MHz / 2^4 */
    TIMER0_CC0 = 1000000;
    TIMER0_SHORTS = 1; /* compare 0 clears */
    TIMER0_INTENSET = 1u << 16;
    NVIC_ISER = 1u << 8;
    TIMER0_START = 1;
    for (;;) {
        say("hello from " PRODUCT " " VERSION "\r\n");
        while (due == 0) __asm__ volatile("wfi");
        due = 0;
    }
}
