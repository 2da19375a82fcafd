import * as fc from '#test/support/fast-check.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { isFilledWith, wordsToBytes, writeU32 } from '#shared/base/bytes.ts';
import { pageDigest } from '#main/plan/page-digest.ts';
import { type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryAccess } from '#main/probe/memory-access.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import { createNvmcDirect } from '#main/programmer/nvmc-direct.ts';
import { ioWith, TINY } from './array-flash.ts';
import { surveyPages } from '#main/programmer/survey.ts';

const BASE = 0x4001e000;
const CONFIG = BASE + 0x504;
const io = ioWith();
const [flash, uicr] = flashMemories(TINY);

/** The controller of the nRF reference manuals over a few pages, with the ways in which silicon lets one down. */
class Nvmc implements MemoryAccess {
  readonly cells = new Map<FlashMemory, Uint8Array>();
  readonly log: string[] = [];
  config = 0;
  deaf = false;
  busyForEver = false;

  constructor() {
    for (const memory of flashMemories(TINY)) this.cells.set(memory, new Uint8Array(memory.size).fill(0));
  }

  at(address: number, size: number): Uint8Array {
    for (const [memory, bytes] of this.cells) {
      if (address >= memory.start && address + size <= memory.start + memory.size) {
        return bytes.subarray(address - memory.start, address - memory.start + size);
      }
    }
    throw new RangeError(`nothing at ${address.toString(16)}`);
  }

  async readWord(address: number): Promise<number> {
    if (address !== CONFIG) throw new RangeError(`a read of ${address.toString(16)}`);
    return this.config;
  }

  async writeWord(address: number, value: number): Promise<void> {
    if (address === CONFIG && !this.deaf) this.config = value;
    if (address === BASE + 0x508 && this.config === 2) this.#erase('page', value, 64);
    if (address === BASE + 0x514 && this.config === 2 && value === 1) this.#erase('uicr', 0x1000, 64);
  }

  async read(address: number, length: number): Promise<Uint8Array> {
    return this.at(address, length).slice();
  }

  async write(address: number, bytes: Uint8Array): Promise<void> {
    if (this.config !== 1 || address % 4 || bytes.length % 4) throw new RangeError('a write that would be lost');
    this.log.push(`write ${address} ${bytes.length}`);
    const cells = this.at(address, bytes.length);
    bytes.forEach((byte, index) => {
      cells[index] = (cells[index] ?? 0) & byte;
    });
  }

  async waitForWord(address: number, mask: number, value: number, timeoutMs: number): Promise<void> {
    if (address !== BASE + 0x400 || mask !== 1 || value !== 1) throw new RangeError('a wait for something else');
    if (!this.busyForEver) return;
    throw new FlashlineError('flash-timeout', { params: { address: 'READY', seconds: timeoutMs / 1000 } });
  }

  #erase(what: string, address: number, size: number): void {
    this.log.push(`erase ${what} ${address}`);
    this.at(address, size).fill(0xff);
  }
}

let nvmc: Nvmc;

function memories(): { flash: FlashMemory; uicr: FlashMemory } {
  if (!flash || !uicr) throw new Error('the tiny chip has both');
  return { flash, uicr };
}

let quieted: number;

function open(): FlashDevice {
  return createNvmcDirect(nvmc, BASE, () => {
    quieted++;
    nvmc.log.push('quiet');
    return Promise.resolve();
  });
}

beforeEach(() => {
  nvmc = new Nvmc();
  quieted = 0;
});

describe('the core', () => {
  it('is left alone by looking, and quieted once before the first change', async () => {
    const device = open();
    await surveyPages(device, memories().flash, 0, 128, io);
    await device.read(0, 10, io);
    await device.finish(io);
    expect(quieted).toBe(0);
    await device.erase(memories().flash, 0, 64, io);
    await device.program(memories().flash, 0, new Uint8Array(4), io);
    expect(nvmc.log).toEqual(['quiet', 'erase page 0', 'write 0 4']);
  });
});

describe('erasing', () => {
  it('takes page after page, and the user registers by their own task', async () => {
    const device = open();
    const done: number[] = [];
    await device.erase(memories().flash, 64, 128, io, (bytes) => done.push(bytes));
    await device.erase(memories().uicr, 0x1000, 64, io);
    expect(nvmc.log).toEqual(['quiet', 'erase page 64', 'erase page 128', 'erase uicr 4096']);
    expect(done).toEqual([64, 128]);
  });

  it('gives up after ten times the data sheet’s time, naming the page', async () => {
    nvmc.busyForEver = true;
    await expect(open().erase(memories().flash, 64, 64, io)).rejects.toMatchObject({
      failure: { code: 'flash-timeout', where: { address: 64 }, params: { address: '0x00000040', seconds: '0.01' } },
    });
  });
});

describe('a controller that ignores us', () => {
  it('is told as such before anything is lost', async () => {
    nvmc.deaf = true;
    const device = open();
    const { flash: memory } = memories();
    const refused = { failure: { code: 'flash-refused', where: { address: 64 }, params: { address: '0x00000040' } } };
    await expect(device.erase(memory, 64, 64, io)).rejects.toMatchObject(refused);
    await expect(device.program(memory, 64, new Uint8Array(8), io)).rejects.toMatchObject(refused);
    expect(nvmc.log).toEqual(['quiet']);
  });
});

describe('programming', () => {
  it('writes every word that is not erased, and none that is', async () => {
    const word = fc.oneof(fc.constant(0xffff_ffff), fc.integer({ min: 0, max: 0xffff_fffe }));
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 64 }), async (words) => {
        nvmc = new Nvmc();
        nvmc.at(0, 512).fill(0xff);
        const device = open();
        const bytes = wordsToBytes(words);
        await device.program(memories().flash, 128, bytes, io);
        expect(nvmc.at(128, bytes.length)).toEqual(bytes);
        const written = nvmc.log.slice(1).reduce((sum, line) => sum + Number(line.split(' ')[2]), 0);
        expect(written).toBe(4 * words.filter((value) => value !== 0xffff_ffff).length);
      }),
    );
  });

  it('leaves the controller read-only when it is done', async () => {
    const device = open();
    await device.program(memories().flash, 0, new Uint8Array(4), io);
    expect(nvmc.config).toBe(1);
    await device.finish(io);
    expect(nvmc.config).toBe(0);
  });
});

describe('a survey', () => {
  it('tells each page’s checksum and whether it is blank', async () => {
    nvmc.at(0, 192).fill(0xff);
    writeU32(nvmc.at(64, 64), 12, 0x1234_5678);
    const states = await surveyPages(open(), memories().flash, 0, 192, io);
    expect(states.map(({ address, blank }) => [address, blank])).toEqual([
      [0, true],
      [64, false],
      [128, true],
    ]);
    expect(states.map((state) => state.digest)).toEqual(
      [0, 64, 128].map((address) => pageDigest(nvmc.at(address, 64))),
    );
    expect(isFilledWith(nvmc.at(0, 64), 0xff)).toBe(true);
  });
});
