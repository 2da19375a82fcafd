/*
 * Demo firmware for the nRF52840: plays a tone table by PWM-like counting and says who it is on the UART.
 * The sine table gives it the size of a small product's firmware, so that a bench run has something to show.
 * nRF52840 Product Specification v1.1: 6.33 UART, 6.30 TIMER. P0.06 is the transmit pin of the DK.
 */
#include <stdint.h>
#include "table.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define UART_STARTTX REGISTER(0x40002008u)
#define UART_TXDRDY REGISTER(0x4000211Cu)
#define UART_ENABLE REGISTER(0x40002500u)
#define UART_PSELTXD REGISTER(0x4000250Cu)
#define UART_TXD REGISTER(0x4000251Cu)
#define UART_BAUDRATE REGISTER(0x40002524u)

extern uint32_t stack_top;
void reset(void);
static void fault(void) {
    for (;;) {}
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    [0] = &stack_top, [1] = reset, [2] = fault, [3] = fault,
};

static void say(const char *text) {
    for (; *text != '\0'; text++) {
        UART_TXDRDY = 0;
        UART_TXD = (uint8_t)*text;
        while (UART_TXDRDY == 0) {}
    }
}

/* The largest step between neighbours: a fault in the table would be heard, and is told. */
static uint16_t largest_step(void) {
    uint16_t largest = 0;
    for (uint32_t i = 1; i < TABLE_LENGTH; i++) {
        uint16_t a = sine_table[i - 1], b = sine_table[i];
        uint16_t step = a < b ? b - a : a - b;
        if (step > largest) largest = step;
    }
    return largest;
}

void reset(void) {
    REGISTER(0x50000518u) = 1u << 6; /* GPIO DIRSET: the transmit pin drives */
    UART_PSELTXD = 6;
    UART_BAUDRATE = 0x01D7E000u; /* 115200 */
    UART_ENABLE = 4;
    UART_STARTTX = 1;
    say("hello from " PRODUCT " " VERSION "\r\n");
    say(largest_step() <= TABLE_LARGEST_STEP ? "table good\r\n" : "table bad\r\n");
    for (;;) __asm__ volatile("wfi");
}
