/*
 * RAM loader for the nRF51/nRF52 non-volatile memory controller (NVMC).
 * nRF51 Series Reference Manual v3.0, 6.2; nRF52840 Product Specification v1.1, 4.3.
 * One command per call, given in the mailbox; see nrf-nvmc.json for where code and mailbox stand.
 */
#include <stdint.h>

enum command { ERASE = 1, PROGRAM = 2, SURVEY = 3, READ_ONLY = 4 };
enum status { OK = 0, TIMEOUT = 1, REFUSED = 2, BAD_COMMAND = 3 };

/* Byte map shared with src-main/programmer/ram-loader-mailbox.ts. */
struct mailbox {
    uint32_t status;     /* 0x00 the host writes 0xFFFFFFFF; an enum status when done */
    uint32_t fault;      /* 0x04 address at which a status other than OK arose */
    uint32_t command;    /* 0x08 */
    uint32_t address;    /* 0x0C word aligned */
    uint32_t length;     /* 0x10 bytes, whole words (PROGRAM) or whole pages (ERASE, SURVEY) */
    uint32_t page;       /* 0x14 page size in bytes */
    uint32_t controller; /* 0x18 base address of the NVMC */
    uint32_t reserved;   /* 0x1C */
    uint32_t data[];     /* 0x20 PROGRAM: the words; SURVEY: 256 words of scratch, then {crc32, blank} per page */
};

/* The mailbox is memory that the debugger reads and writes behind the compiler's back. */
typedef volatile struct mailbox mailbox;

struct nvmc {
    uint32_t reserved0[256];
    uint32_t ready;      /* 0x400 bit 0: not busy */
    uint32_t reserved1[64];
    uint32_t config;     /* 0x504 */
    uint32_t erasepage;  /* 0x508 address of the page */
    uint32_t eraseall;   /* 0x50C */
    uint32_t reserved2;
    uint32_t eraseuicr;  /* 0x514 */
};

enum config { READ_ENABLED = 0, WRITE_ENABLED = 1, ERASE_ENABLED = 2 };

/* The information block (FICR, UICR) begins here; below is code flash. */
#define INFORMATION_BLOCK 0x10000000u
#define ERASED_WORD 0xFFFFFFFFu
#define SURVEY_SCRATCH_WORDS 256u
/*
 * Turns of a loop of at least 7 cycles: over 0.8 s at 64 MHz and over 3 s at 16 MHz, where the slowest
 * operation of these chips (erasing a page) takes 0.09 s.
 */
#define PATIENCE 8000000u

/*
 * Flash begins at address 0, which C takes for no object: addresses are integers here, and pointers only at the access
 * (gcc computes the end of a pointer loop from 0 wrongly).
 */
#define WORD(address) (*(volatile uint32_t *)(address))

#define INLINE static inline __attribute__((always_inline))
#define OWN_REGISTERS static __attribute__((noinline))

INLINE uint32_t wait_ready(volatile struct nvmc *nvmc) {
    uint32_t left = PATIENCE;
    while ((nvmc->ready & 1u) == 0u) {
        if (--left == 0u) return TIMEOUT;
    }
    return OK;
}

OWN_REGISTERS uint32_t erase(mailbox *box, volatile struct nvmc *nvmc) {
    uint32_t address = box->address;
    uint32_t end = address + box->length;
    uint32_t page = box->page;
    for (; address != end; address += page) {
        box->fault = address;
        nvmc->config = ERASE_ENABLED;
        if (address >= INFORMATION_BLOCK) {
            nvmc->eraseuicr = 1u;
        } else {
            nvmc->erasepage = address;
        }
        if (wait_ready(nvmc) != OK) return TIMEOUT;
    }
    return OK;
}

/* Words that are erased already are left alone; what does not hold after its write was refused by the flash. */
OWN_REGISTERS uint32_t program(mailbox *box, volatile struct nvmc *nvmc) {
    uint32_t to = box->address;
    uint32_t end = to + box->length;
    volatile uint32_t *from = box->data;
    /* Everything in this loop stays in registers: a stack access per word would cost as much as the word. */
    nvmc->config = WRITE_ENABLED;
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

/* CRC-32/ISO-HDLC, the reflected polynomial 0xEDB88320, by a table made in the scratch words. */
OWN_REGISTERS void make_table(volatile uint32_t *table) {
    for (uint32_t index = 0; index < 256u; index++) {
        uint32_t crc = index;
        for (uint32_t bit = 0; bit < 8u; bit++) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
        table[index] = crc;
    }
}

OWN_REGISTERS void survey(mailbox *box) {
    volatile uint32_t *table = box->data;
    volatile uint32_t *out = box->data + SURVEY_SCRATCH_WORDS;
    uint32_t at = box->address;
    uint32_t end = at + box->length;
    uint32_t page = box->page;
    make_table(table);
    while (at != end) {
        uint32_t crc = 0xFFFFFFFFu;
        uint32_t all = ERASED_WORD;
        for (uint32_t left = page; left != 0u; left -= 4u, at += 4u) {
            uint32_t word = WORD(at);
            all &= word;
            for (uint32_t byte = 0; byte < 4u; byte++, word >>= 8) crc = (crc >> 8) ^ table[(crc ^ word) & 0xFFu];
        }
        *out++ = ~crc;
        *out++ = all == ERASED_WORD;
    }
}

void loader_run(mailbox *box) {
    volatile struct nvmc *nvmc = (volatile struct nvmc *)box->controller;
    uint32_t status = OK;
    switch (box->command) {
    case ERASE: status = erase(box, nvmc); break;
    case PROGRAM: status = program(box, nvmc); break;
    case SURVEY: survey(box); break;
    /* Also after a call that the host broke off: CONFIG must not change under a busy controller. */
    case READ_ONLY: status = wait_ready(nvmc); break;
    default: status = BAD_COMMAND; break;
    }
    nvmc->config = READ_ENABLED;
    if (wait_ready(nvmc) != OK && status == OK) status = TIMEOUT;
    box->status = status;
}
