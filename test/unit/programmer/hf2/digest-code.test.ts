import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sha256 } from '@noble/hashes/sha2.js';
import * as fc from '#test/support/fast-check.ts';
import { Simulator } from 'rp2040js';
import { describe, expect, it } from 'vitest';
import { readU32, toHex } from '#shared/base/bytes.ts';
import { HF2_DIGEST_WINDOW } from '#shared/model/interfaces/hf2.ts';
import { CORTEX_M0PLUS } from '#main/bench/cpu/core-kind.ts';
import {
  BLOCK,
  BOX,
  BOX_DIGEST,
  DONE,
  FLAGS,
  HASHES,
  loadDigestCode,
  MOST_PAGES,
  PENDING,
  readDigestCode,
} from '#main/programmer/hf2/digest-code.ts';
import { murmur3 } from '#main/programmer/hf2/murmur3.ts';
import { DHCSR, nrfCore, RAM_START, RUN } from '#test/support/bare-core.ts';
import { digestWindow } from '#test/support/digest-window.ts';
import { repositoryFile } from '#test/support/nrf51.ts';

const CODE = await loadDigestCode('sha256-v6m');
const BASE = RAM_START + 0x800;
const DATA = RAM_START + 0x1400;
const STACK = RAM_START + 0x3ff0;
/** B to itself. */
const PROGRAM = RAM_START + 0x100;
const SAVED = [4, 5, 6, 7, 8, 9, 10, 11];
const ALL = FLAGS.begins | FLAGS.ends;

function bare() {
  const { core, ram } = nrfCore({ kind: CORTEX_M0PLUS, hz: 48_000_000 });
  core.halt();
  const place = (address: number, bytes: Uint8Array) => ram.views.bytes.set(bytes, address - RAM_START);
  const at = (address: number, size: number) => ram.views.bytes.slice(address - RAM_START, address - RAM_START + size);
  core.code(PROGRAM, 0xe7fe);
  /** Calls the handler as a function: it returns to where LR says. Core cycles. */
  const call = (flags: number, address: number, size: number, total: number, page = 0): number => {
    core.halt();
    const head = digestWindow(CODE, { base: BASE, vectors: [], vtor: RAM_START, flags, address, size, total });
    // The state and W stay as the last call left them.
    place(BASE, head.subarray(0, BOX + BOX_DIGEST - 8));
    place(BASE + BOX + 0x18, Uint8Array.of(page & 0xff, page >>> 8, 0, 0));
    place(BASE + CODE.load, CODE.bytes);
    for (const register of SAVED) core.setRegister(register, register * 0x1010101);
    core.setRegister(13, STACK);
    core.setRegister(14, PROGRAM | 1);
    core.setRegister(15, BASE + CODE.handler);
    core.setRegister(16, 1 << 24);
    const begun = core.scs.core.cycles;
    core.write(DHCSR, RUN);
    while (core.read(BASE + BOX) === PENDING) core.now += 2000;
    const cycles = core.scs.core.cycles - begun;
    core.halt();
    return cycles;
  };
  return { core, place, at, call, digest: () => toHex(at(BASE + BOX + BOX_DIGEST, 32)) };
}

describe('the digest code', () => {
  it('hashes as node:crypto and @noble/hashes do, from any address, in one call or in several', () => {
    const { place, call, digest } = bare();
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, fc.nat(3), fc.nat(4), (data, offset, blocks) => {
        const address = DATA + offset;
        place(address, data);
        const first = Math.min(blocks, Math.floor(data.length / BLOCK)) * BLOCK;
        if (first === 0) call(ALL, address, data.length, data.length);
        else {
          call(FLAGS.begins, address, first, data.length);
          call(FLAGS.ends, address + first, data.length - first, data.length);
        }
        expect(digest()).toBe(createHash('sha256').update(data).digest('hex'));
        expect(digest()).toBe(toHex(sha256(data)));
      }),
      { numRuns: 60 },
    );
  });

  it('pads every length as it must', () => {
    const { place, call, digest } = bare();
    const data = Uint8Array.from({ length: 130 }, (_, index) => index * 7);
    place(DATA, data);
    for (const size of [0, 1, 3, 4, 54, 55, 56, 57, 62, 63, 64, 65, 119, 120, 127, 128]) {
      call(ALL, DATA, size, size);
      expect([size, digest()]).toEqual([size, createHash('sha256').update(data.subarray(0, size)).digest('hex')]);
    }
  });

  it('knows lengths beyond 2^29 bytes', () => {
    const { call, digest, place, at } = bare();
    // The last block of a long message holds nothing but its length: made here from the state before it.
    call(FLAGS.begins, DATA, 0, 0);
    const before = at(BASE + BOX + BOX_DIGEST, 32);
    const lengths = [2 ** 29, 2 ** 32 - 64].map((total) => {
      place(BASE + BOX + BOX_DIGEST, before);
      call(FLAGS.ends, DATA, 0, total);
      return digest();
    });
    const blocks = lengths.map((_, index) => {
      const block = new DataView(new ArrayBuffer(64));
      block.setUint8(0, 0x80);
      block.setBigUint64(56, BigInt([2 ** 29, 2 ** 32 - 64][index] ?? 0) * 8n);
      return new Uint8Array(block.buffer);
    });
    const byBlocks = blocks.map((block) => {
      place(BASE + BOX + BOX_DIGEST, before);
      place(DATA, block);
      call(0, DATA, 64, 0);
      // Its words are as the core has them until a digest ends.
      const state = at(BASE + BOX + BOX_DIGEST, 32);
      return toHex(Uint8Array.from({ length: 32 }, (_, index) => state[(index & ~3) + 3 - (index & 3)] ?? 0));
    });
    expect(lengths).toEqual(byBlocks);
  });

  it('hashes pages as MurmurHash3 does, at four cycles a byte', () => {
    const { core, place, at, call } = bare();
    fc.assert(
      fc.property(fc.constantFrom(4, 64, 256), fc.uint8Array({ minLength: 1024, maxLength: 1024 }), (page, data) => {
        place(DATA, data);
        const cycles = call(FLAGS.pages, DATA, data.length, 0, page);
        const hashes = at(BASE + HASHES, (data.length / page) * 4);
        for (let index = 0; index < data.length / page; index++)
          expect(readU32(hashes, index * 4)).toBe(murmur3(data.subarray(index * page, (index + 1) * page)));
        expect(page < 256 || cycles / data.length < 4.2).toBe(true);
        expect(SAVED.map((register) => core.register(register))).toEqual(SAVED.map((one) => one * 0x1010101));
      }),
      { numRuns: 30 },
    );
    // Its author's algorithm, by values that others publish (Wikipedia, MurmurHash, test vectors; seed 0).
    const published = [
      ['', 0],
      ['ffffffff', 0x76293b50],
      ['21436587', 0xf55b516b],
      ['00000000', 0x2362f9de],
    ] as const;
    expect(published.map(([hex]) => murmur3(Uint8Array.from(Buffer.from(hex, 'hex'))))).toEqual(
      published.map(([, hash]) => hash),
    );
  });

  it('ends, with its answers, within the RAM that descriptions keep for it', () => {
    expect(CODE.load + CODE.bytes.length).toBeLessThanOrEqual(HASHES);
    expect(HASHES + MOST_PAGES * 4).toBe(HF2_DIGEST_WINDOW);
  });

  it('takes at most 66 cycles a byte, and leaves registers and stack as they were, VTOR as it is told', () => {
    const { core, place, call } = bare();
    place(DATA, new Uint8Array(4096).fill(0xa5));
    expect(call(ALL, DATA, 4096, 4096) / 4096).toBeLessThan(66.5);
    expect(SAVED.map((register) => core.register(register))).toEqual(SAVED.map((register) => register * 0x1010101));
    expect([core.register(13), core.register(15)]).toEqual([STACK, PROGRAM]);
    expect(core.read(0xe000ed08)).toBe(RAM_START);
  });

  it('is what its build says, or is not used', () => {
    const file = repositoryFile('resources/unit-digests/sha256-v6m/sha256-v6m.json');
    const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(readDigestCode(json, 'x').sha256).toBe(json['sha256']);
    const code = String(json['code']);
    const broken = [
      null,
      {},
      { ...json, schema: 2 },
      { ...json, code: `${code.slice(0, -1)}${code.endsWith('0') ? '1' : '0'}` },
      { ...json, code: code.slice(2) },
      { ...json, load: 3 },
      { ...json, more: 1 },
    ];
    for (const one of broken) {
      expect(() => readDigestCode(one, 'x')).toThrow(
        expect.objectContaining({ failure: expect.objectContaining({ code: 'file-unreadable' }) as unknown }) as Error,
      );
    }
  });
});

describe('on rp2040js’ Cortex-M0+, whose own SysTick enters it', () => {
  const HANDLER = RAM_START + 0x180;
  const FLASH = 0x1000_0000;

  /** A program that counts, a SysTick handler that counts, and VTOR turned to the window while they do. */
  function rp2040(data: Uint8Array, request: { readonly address: number; readonly size: number }) {
    const simulator = new Simulator();
    const { rp2040: mcu } = simulator;
    mcu.logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const [counter, ticks] = [RAM_START + 0x200, RAM_START + 0x204];
    // r0 counts on from wherever it is: LDR r1, [r0]; ADDS r1, #1; STR r1, [r0]; B back.
    const program = [0x6801, 0x3101, 0x6001, 0xe7fb];
    // LDR r0, [pc, #4]; LDR r1, [r0]; ADDS r1, #1; STR r1, [r0]; BX LR; (aligned) .word ticks
    const handler = [0x4802, 0x6801, 0x3101, 0x6001, 0x4770, 0xbf00];
    program.forEach((half, index) => mcu.writeUint16(PROGRAM + index * 2, half));
    handler.forEach((half, index) => mcu.writeUint16(HANDLER + index * 2, half));
    mcu.writeUint32(HANDLER + 12, ticks);
    const vectors = Array.from({ length: 48 }, () => HANDLER | 1);
    vectors.forEach((vector, index) => mcu.writeUint32(RAM_START + index * 4, vector));
    mcu.flash.set(data);
    const { address, size } = request;
    const window = digestWindow(CODE, {
      base: BASE,
      vectors,
      vtor: RAM_START,
      flags: ALL,
      address,
      size,
      total: size,
    });
    for (let at = 0; at < window.length; at += 4) mcu.writeUint32(BASE + at, readU32(window, at));
    mcu.core.registers.set([counter, 0, 0, 0, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, STACK, 0, PROGRAM]);
    mcu.core.VTOR = RAM_START;
    mcu.writeUint32(0xe000e014, 999);
    mcu.writeUint32(0xe000e018, 0);
    mcu.writeUint32(0xe000e010, 7);
    const run = (until: () => boolean) => {
      for (let count = 0; !until(); count++) {
        if (count > 3_000_000) throw new Error('it does not come');
        simulator.clock.tick(mcu.core.executeInstruction() * 20);
      }
    };
    return { mcu, counter, ticks, run };
  }

  it.each([
    ['words', 0, 3000],
    ['from between two words', 3, 1025],
  ])('hashes %s, and program and SysTick go on as if nothing had been', (_, offset, size) => {
    const data = Uint8Array.from({ length: 4096 }, (__, index) => (index * index * 31) >>> 3);
    const { mcu, counter, ticks, run } = rp2040(data, { address: FLASH + offset, size });
    run(() => mcu.readUint32(ticks) === 3);
    mcu.writeUint32(0xe000ed08, BASE);
    run(() => mcu.readUint32(BASE + BOX) === DONE);
    const [ticked, counted] = [mcu.readUint32(ticks), mcu.readUint32(counter)];
    expect(mcu.readUint32(0xe000ed08)).toBe(RAM_START);
    run(() => mcu.readUint32(ticks) > ticked + 2 && mcu.core.IPSR === 0);
    expect(mcu.readUint32(counter)).toBeGreaterThan(counted);
    expect(Array.from(mcu.core.registers.subarray(4, 14))).toEqual([
      0x44,
      0x55,
      0x66,
      0x77,
      0x88,
      0x99,
      0xaa,
      0xbb,
      0xcc,
      STACK,
    ]);
    const digest = mcu.sram.slice(BASE + BOX + BOX_DIGEST - RAM_START, BASE + BOX + BOX_DIGEST + 32 - RAM_START);
    expect(toHex(digest)).toBe(
      createHash('sha256')
        .update(data.subarray(offset, offset + size))
        .digest('hex'),
    );
  });
});
