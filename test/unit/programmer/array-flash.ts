import type { Clock, IoContext } from '#shared/base/clock.ts';
import { isFilledWith } from '#shared/base/bytes.ts';
import { pageDigest } from '#main/plan/page-digest.ts';
import { ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import type { PageState } from '#main/plan/page-state.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';

/** A chip small enough to see through: eight pages of code, one of user registers. */
export const TINY = ChipDescription.parse({
  schema: 1,
  id: 'tiny',
  name: 'Tiny',
  core: 'cortex-m0',
  source: 'none',
  swd: { maxHz: 1_000_000 },
  memories: [
    {
      kind: 'flash',
      name: 'flash',
      start: 0,
      size: 512,
      page: 64,
      word: 4,
      erased: 0xff,
      zeroable: true,
      eraseMs: 1,
      wordUs: 1,
    },
    {
      kind: 'flash',
      name: 'uicr',
      start: 0x1000,
      size: 64,
      page: 64,
      word: 4,
      erased: 0xff,
      zeroable: true,
      eraseMs: 1,
      wordUs: 1,
    },
  ],
  identity: {
    checks: [{ register: 'ID', address: 0x2000, value: 0 }],
    uid: { address: 0x2004, size: 8 },
  },
  locks: [{ name: 'LOCK', memory: 'uicr', address: 0x1000, size: 4, unlocked: 0xffffffff }],
  controller: { kind: 'nrf-nvmc', base: 0x3000 },
  boot: { vectors: 0 },
});

const clock: Clock = { now: () => 0, monotonic: () => 0, sleep: () => Promise.resolve() };

export function ioWith(signal: AbortSignal = new AbortController().signal): IoContext {
  return { clock, signal };
}

/** Flash as an array of bytes with AND semantics; `onCall` may throw, or look, before each call takes effect. */
export class ArrayFlash implements FlashDevice {
  readonly name = 'array';
  readonly calls: string[] = [];
  finished = 0;
  onCall: (call: 'erase' | 'program' | 'read', address: number, size: number) => void = () => undefined;
  readonly #bytes: ReadonlyMap<FlashMemory, Uint8Array>;

  constructor(chip = TINY) {
    this.#bytes = new Map(flashMemories(chip).map((memory) => [memory, new Uint8Array(memory.size).fill(0xff)]));
  }

  at(address: number, size: number): Uint8Array {
    for (const [memory, bytes] of this.#bytes) {
      const offset = address - memory.start;
      if (offset >= 0 && offset + size <= memory.size) return bytes.subarray(offset, offset + size);
    }
    throw new RangeError(`nothing at ${address}`);
  }

  async survey(memory: FlashMemory, address: number, size: number): Promise<PageState[]> {
    return Array.from({ length: size / memory.page }, (_, index) => {
      const page = this.at(address + index * memory.page, memory.page);
      return { address: address + index * memory.page, blank: isFilledWith(page, 0xff), digest: pageDigest(page) };
    });
  }

  async erase(memory: FlashMemory, address: number, size: number): Promise<void> {
    if ((address - memory.start) % memory.page || size % memory.page) throw new RangeError('not whole pages');
    this.#note('erase', address, size);
    this.at(address, size).fill(0xff);
  }

  async program(memory: FlashMemory, address: number, bytes: Uint8Array): Promise<void> {
    if (address % memory.word || bytes.length % memory.word) throw new RangeError('not whole words');
    this.#note('program', address, bytes.length);
    const cells = this.at(address, bytes.length);
    bytes.forEach((byte, index) => {
      cells[index] = (cells[index] ?? 0) & byte;
    });
  }

  async read(address: number, length: number): Promise<Uint8Array> {
    this.#note('read', address, length);
    return this.at(address, length).slice();
  }

  async finish(): Promise<void> {
    this.finished++;
  }

  #note(call: 'erase' | 'program' | 'read', address: number, size: number): void {
    this.onCall(call, address, size);
    this.calls.push(`${call} ${address} ${size}`);
  }
}
