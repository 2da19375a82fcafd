import { RP2040 } from 'rp2040js';
import { describe, expect, it } from 'vitest';
import { readU32 } from '#shared/base/bytes.ts';
import { CORTEX_M0, CORTEX_M0PLUS, CORTEX_M4 } from '#main/bench/cpu/core-kind.ts';
import { Prng } from '#main/bench/prng.ts';
import { pageDigest } from '#main/plan/page-digest.ts';
import { HEADER_SIZE, mailboxBytes } from '#main/programmer/ram-loader-mailbox.ts';
import { loadFlashAlgorithm } from '#main/programmer/ram-loader-algorithm.ts';
import { nrfCore, RAM_START } from '#test/support/bare-core.ts';
import { repositoryFile } from '#test/support/nrf51.ts';

const FOLDER = repositoryFile('resources/flash-algorithms');
const NVMC = await loadFlashAlgorithm(FOLDER, 'nrf-nvmc');
/** RAM stands for flash here: a word at READY is all that this controller is asked for. */
const DATA = RAM_START + 0x1800;
const CONTROLLER = RAM_START + 0x1100;
const READY = CONTROLLER + 0x400;
const RESULTS = NVMC.mailbox + HEADER_SIZE;

function data(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new Prng(size).scramble(bytes);
  // Every kind of page: noise, blank, zeros.
  bytes.fill(0xff, size / 4, size / 2);
  bytes.fill(0x00, size / 2, (size / 4) * 3);
  return bytes;
}

function request(page: number, length: number): Uint8Array {
  return mailboxBytes({ command: 'survey', address: DATA, length, page, controller: CONTROLLER });
}

function expected(bytes: Uint8Array, page: number): number[] {
  return Array.from({ length: bytes.length / page }, (_, index) =>
    pageDigest(bytes.subarray(index * page, (index + 1) * page)),
  );
}

/** On a core that others wrote. The results, and its own count of cycles. */
function onRp2040js(bytes: Uint8Array, page: number) {
  const mcu = new RP2040();
  mcu.logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  mcu.sram.set(NVMC.code, NVMC.load - RAM_START);
  mcu.sram.set(request(page, bytes.length), NVMC.mailbox - RAM_START);
  mcu.sram.set(bytes, DATA - RAM_START);
  mcu.writeUint32(READY, 1);
  mcu.core.PC = NVMC.entry;
  let cycles = 0;
  for (let steps = 0; mcu.core.PC !== NVMC.done; steps++) {
    if (steps > 1_000_000) throw new Error('it does not end');
    cycles += mcu.core.executeInstruction();
  }
  expect(mcu.readUint32(NVMC.mailbox)).toBe(0);
  const results = Array.from({ length: bytes.length / page }, (_, index) => mcu.readUint32(RESULTS + index * 4));
  return { results, cycles };
}

describe('what the loader says of pages', () => {
  it.each([4, 12, 64, 68, 256, 1024, 2048])('is their digest on rp2040js’ Cortex-M0+: %i bytes a page', (page) => {
    const bytes = data(page * 4);
    expect(onRp2040js(bytes, page).results).toEqual(expected(bytes, page));
  });

  it.each([CORTEX_M0, CORTEX_M0PLUS, CORTEX_M4])('comes at a cycle and a third a byte on a $name', (kind) => {
    const [page, bytes] = [2048, data(8192)];
    const { core, ram } = nrfCore({ kind });
    core.halt();
    core.load(NVMC.load, NVMC.code);
    core.load(NVMC.mailbox, request(page, bytes.length));
    core.load(DATA, bytes);
    core.write(READY, 1);
    const begun = core.scs.core.cycles;
    core.run(NVMC.entry);
    while (core.read(NVMC.mailbox) !== 0) core.now += 10_000;
    expect((core.scs.core.cycles - begun) / bytes.length).toBeLessThan(1.34);
    const results = ram.views.bytes.subarray(RESULTS - RAM_START);
    expect(expected(bytes, page)).toEqual(Array.from({ length: 4 }, (_, index) => readU32(results, index * 4)));
    expect(onRp2040js(bytes, page).cycles / bytes.length).toBeLessThan(1.34);
  });

  it('is made by the same code for every controller', async () => {
    const hex = (code: Uint8Array) => Buffer.from(code).toString('hex');
    // How a turn begins: ldmia r0!, {r4-r7}; eors r1, r4; add ip, r1; rors r1, r3; eors r1, r5.
    const turn = hex(NVMC.code).indexOf('f0c861408c44d9416940');
    const digest = hex(NVMC.code).slice(turn, turn + 300);
    expect(turn).toBeGreaterThan(0);
    for (const controller of ['rp2040-ssi', 'samd21-nvmctrl', 'stm32f4-flash', 'stm32g0-flash'])
      expect(hex((await loadFlashAlgorithm(FOLDER, controller)).code)).toContain(digest);
  });
});
