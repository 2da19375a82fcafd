/* What the loader's two halves know of each other: common/loader.c, and one flash.c per flash controller. */
#ifndef LOADER_H
#define LOADER_H
#include <stdint.h>

enum command { ERASE = 1, PROGRAM = 2, SURVEY = 3, READ_ONLY = 4, ERASE_ALL = 5 };
enum status { OK = 0, TIMEOUT = 1, REFUSED = 2, BAD_COMMAND = 3 };

/* Byte map shared with src-main/programmer/ram-loader-mailbox.ts. */
struct mailbox {
    uint32_t status;     /* 0x00 the host writes 0xFFFFFFFF; an enum status when done */
    uint32_t fault;      /* 0x04 what is being worked on: where a status other than OK arose */
    uint32_t taken;      /* 0x08 bytes of data consumed, units erased or pages surveyed so far; the host writes 0 */
    uint32_t written;    /* 0x0C PROGRAM: bytes of data that the host has put into the ring so far */
    uint32_t command;    /* 0x10 */
    uint32_t address;    /* 0x14 word aligned */
    uint32_t length;     /* 0x18 bytes, whole words (PROGRAM) or whole pages (ERASE, SURVEY) */
    uint32_t page;       /* 0x1C page size in bytes: ERASE: of what one command erases */
    uint32_t controller; /* 0x20 base address of the controller's registers */
    uint32_t ring;       /* 0x24 PROGRAM: size of the ring in bytes, whole chunks */
    uint32_t reserved[2];
    /*
     * 0x30 PROGRAM: the ring. The byte for address A stands at (A - first chunk's address) modulo its size.
     * SURVEY: the digest of each page (digest.S).
     */
    uint32_t data[];
};

/* The mailbox is memory that the debugger reads and writes behind the compiler's back. */
typedef volatile struct mailbox mailbox;

/* Data is consumed in chunks: at most so many bytes, and never across an address that is a multiple of it. */
#define CHUNK 256u
#define ERASED_WORD 0xFFFFFFFFu

/*
 * Flash may begin at address 0, which C takes for no object: addresses are integers here, and pointers only at the access
 * (gcc computes the end of a pointer loop from 0 wrongly).
 */
#define WORD(address) (*(volatile uint32_t *)(address))
#define HALF(address) (*(volatile uint16_t *)(address))

#define INLINE static inline __attribute__((always_inline))
/* Loops keep to the registers: a stack access per word would cost as much as the word. */
#define OWN_REGISTERS static __attribute__((noinline))

/*
 * Each controller's own part. Statuses are enum status. Between `flash_open` and `flash_close` the flash need not be
 * readable; outside it is, and cannot be written.
 */
uint32_t flash_open(mailbox *box);
uint32_t flash_close(mailbox *box);
/* One page (or block of pages) of box->page bytes at `address`. */
uint32_t flash_erase(mailbox *box, uint32_t address);
/* Everything that the chip description's massErase names. A controller without such a command leaves it out. */
uint32_t flash_erase_all(mailbox *box);
/* Whole words inside one chunk; `from` is where they stand in RAM. Leaves erased words alone; sets box->fault where it fails. */
uint32_t flash_program(mailbox *box, uint32_t to, const volatile uint32_t *from, uint32_t bytes);

/* Of whole words; digest.S. */
uint32_t page_digest(uint32_t at, uint32_t bytes);

/* Whether there is nothing to program in these whole words. */
INLINE uint32_t all_erased(const volatile uint32_t *from, uint32_t bytes) {
    for (uint32_t at = 0; at != bytes; at += 4u) {
        if (*from++ != ERASED_WORD) return 0;
    }
    return 1;
}

/* Looks at a register until (value & mask) == wanted, at most `turns` times; a turn takes 7 cycles or more. */
INLINE uint32_t wait_for(uint32_t reg, uint32_t mask, uint32_t wanted, uint32_t turns) {
    while ((WORD(reg) & mask) != wanted) {
        if (--turns == 0u) return TIMEOUT;
    }
    return OK;
}
#endif
