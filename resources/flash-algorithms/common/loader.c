/*
 * The loader's common half: one command per call, given in the mailbox (loader.h). Data to program comes through a ring that
 * the host may go on filling while this runs, or may have filled whole before it starts: to this code both are the same.
 * Waiting for the host has no limit here: the host has one, and halts the core.
 */
#include "loader.h"

__attribute__((weak)) uint32_t flash_erase_all(mailbox *box) {
    (void)box;
    return BAD_COMMAND;
}

OWN_REGISTERS uint32_t erase(mailbox *box) {
    uint32_t end = box->address + box->length;
    uint32_t units = 0;
    for (uint32_t at = box->address; at != end; at += box->page) {
        box->fault = at;
        uint32_t status = flash_erase(box, at);
        if (status != OK) return status;
        box->taken = ++units;
    }
    return OK;
}

OWN_REGISTERS uint32_t program(mailbox *box) {
    uint32_t to = box->address;
    uint32_t end = to + box->length;
    uint32_t ring = box->ring;
    uint32_t at = to & (CHUNK - 1u);
    uint32_t taken = 0;
    while (to != end) {
        uint32_t size = CHUNK - (to & (CHUNK - 1u));
        if (size > end - to) size = end - to;
        while (box->written - taken < size) {}
        uint32_t status = flash_program(box, to, box->data + at / 4u, size);
        if (status != OK) return status;
        to += size;
        at += size;
        if (at == ring) at = 0;
        taken += size;
        box->taken = taken;
    }
    return OK;
}

OWN_REGISTERS void survey(mailbox *box) {
    volatile uint32_t *out = box->data;
    uint32_t end = box->address + box->length;
    uint32_t page = box->page;
    for (uint32_t at = box->address; at != end;) {
        *out++ = page_digest(at, page);
        at += page;
        box->taken = at - box->address;
    }
}

static uint32_t changed(mailbox *box) {
    switch (box->command) {
    case ERASE: return erase(box);
    case PROGRAM: return program(box);
    case ERASE_ALL: return flash_erase_all(box);
    case READ_ONLY: case SURVEY: return OK;
    default: return BAD_COMMAND;
    }
}

/* Opened and closed in any case: flash is readable then, whatever firmware or a call that was broken off left behind. */
void loader_run(mailbox *box) {
    uint32_t status = flash_open(box);
    if (status == OK) status = changed(box);
    uint32_t closed = flash_close(box);
    if (status == OK) status = closed;
    if (status == OK && box->command == SURVEY) survey(box);
    box->status = status;
}
