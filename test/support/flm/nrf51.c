/*
 * A CMSIS flash algorithm for the nRF51822, for tests: built as makers build theirs (position independent, data by R9),
 * so that what we run is an FLM of a compiler's making. nRF51 Series Reference Manual v3.0, 6 NVMC.
 */
#include <stdint.h>

#define NVMC(offset) (*(volatile uint32_t *)(0x4001E000u + (offset)))
#define READY 0x400u
#define CONFIG 0x504u
#define ERASEPAGE 0x508u

struct sectors { uint32_t size, offset; };
struct device {
    uint16_t version;
    char name[128];
    uint16_t type;
    uint32_t start, size, page, reserved;
    uint8_t erased;
    uint32_t program_ms, erase_ms;
    struct sectors sectors[2];
};

__attribute__((section("DevDscr"), used)) const struct device FlashDevice = {
    .version = 0x0101, .name = "nRF51822 for tests", .type = 1, .start = 0, .size = 0x40000, .page = 0x200,
    .erased = 0xFF, .program_ms = 100, .erase_ms = 300,
    .sectors = { { 0x400, 0 }, { 0xFFFFFFFF, 0xFFFFFFFF } },
};

/*
 * What it may do now; in PrgData, so that R9 must be right for it to do anything. gcc knows no data that is relative to
 * R9 as makers' compilers do (RWPI): the register is read by hand.
 */
__attribute__((section("PrgData"), used)) uint32_t initial_function = 0xC0FFEE;

static volatile uint32_t *function(void) {
    volatile uint32_t *data;
    __asm volatile("mov %0, r9" : "=r"(data));
    return data;
}

static void wait(void) { while ((NVMC(READY) & 1u) == 0u) {} }

__attribute__((used)) int Init(uint32_t adr, uint32_t clk, uint32_t fnc) {
    (void)adr; (void)clk;
    if (*function() != 0xC0FFEEu) return 1;
    *function() = fnc;
    NVMC(CONFIG) = fnc == 1u ? 2u : 1u;
    return 0;
}

__attribute__((used)) int UnInit(uint32_t fnc) {
    if (*function() != fnc) return 1;
    NVMC(CONFIG) = 0u;
    *function() = 0xC0FFEEu;
    return 0;
}

__attribute__((used)) int EraseSector(uint32_t adr) {
    if (*function() != 1u) return 1;
    NVMC(ERASEPAGE) = adr;
    wait();
    return 0;
}

__attribute__((used)) int ProgramPage(uint32_t adr, uint32_t size, uint32_t *from) {
    if (*function() != 2u || size > 0x200u) return 1;
    for (; size > 0u; size -= 4u, adr += 4u) {
        *(volatile uint32_t *)adr = *from++;
        wait();
    }
    return 0;
}
