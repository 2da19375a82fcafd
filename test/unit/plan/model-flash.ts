import { sha256Hex } from '#shared/base/digest.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import type { MemoryOperation, Operation, Plan } from '#shared/model/plan.ts';
import { pageDigest } from '#main/plan/page-digest.ts';
import type { PageState } from '#main/plan/page-state.ts';

/** A chip small enough that fast-check meets every border: 12 pages of 32 bytes, and one page with a lock word. */
export function smallChip(word = 4): ChipDescription {
  const cost = { word, erased: 0xff, zeroable: true, eraseMs: 20, wordUs: 40 };
  return {
    schema: 1,
    id: 'small',
    name: 'Small chip',
    core: 'cortex-m0',
    source: 'made for tests',
    bus: { ap: 0 },
    swd: { maxHz: 1_000_000 },
    memories: [
      { kind: 'flash', name: 'flash', start: 0, size: 12 * 32, page: 32, ...cost },
      { kind: 'flash', name: 'uicr', start: 0x1000, size: 64, page: 64, ...cost },
      { kind: 'ram', name: 'ram', start: 0x2000_0000, size: 1024 },
    ],
    identity: {
      checks: [{ register: 'PART', address: 0x2000, value: 1, mask: 0xffffffff }],
      uid: { address: 0x2004, size: 8 },
    },
    locks: [{ name: 'LOCK', memory: 'uicr', address: 0x1008, size: 4, unlocked: 0xffffffff }],
    controller: { kind: 'nrf-nvmc', base: 0x4001e000 },
    boot: { vectors: 0 },
  };
}

/** One indivisible thing that happens to the flash, and its torn half: what a power cut in its middle leaves. */
interface MicroStep {
  readonly torn: () => void;
  readonly whole: () => void;
}

/**
 * NOR flash as planning sees it: pages erase to ones, words only lose bits. `noise` is what a torn operation leaves
 * between old and new. It knows no plan; it does what each operation's documentation says and counts.
 */
export class ModelFlash {
  readonly #memories: readonly { readonly memory: FlashMemory; readonly bytes: Uint8Array }[];
  readonly #noise: () => number;
  wordsProgrammed = 0;
  pagesErased = 0;
  wordsZeroed = 0;

  constructor(chip: ChipDescription, noise: () => number) {
    this.#memories = flashMemories(chip).map((memory) => ({
      memory,
      bytes: new Uint8Array(memory.size).fill(memory.erased),
    }));
    this.#noise = noise;
  }

  read(address: number, size: number): Uint8Array {
    const { memory, bytes } = this.#at(address);
    return bytes.slice(address - memory.start, address - memory.start + size);
  }

  /** Puts bytes there, whatever was there before. */
  preset(address: number, data: Uint8Array): void {
    const { memory, bytes } = this.#at(address);
    bytes.set(data, address - memory.start);
  }

  state(address: number): PageState {
    const { memory } = this.#at(address);
    const page = this.read(address, memory.page);
    return { address, blank: page.every((byte) => byte === memory.erased), digest: pageDigest(page) };
  }

  /** Everything at once: what a cut in its middle leaves of any page is chance. */
  erasingAll(names: readonly string[]): MicroStep[] {
    const pages = this.#memories
      .filter(({ memory }) => names.includes(memory.name))
      .flatMap(({ memory }) => this.erasing(memory.start, memory.size));
    return [{ torn: () => pages.forEach(({ torn }) => torn()), whole: () => pages.forEach(({ whole }) => whole()) }];
  }

  snapshot(): () => void {
    const copies = this.#memories.map(({ bytes }) => bytes.slice());
    return () => this.#memories.forEach(({ bytes }, index) => bytes.set(copies[index] ?? bytes));
  }

  erasing(address: number, size: number): MicroStep[] {
    const { memory } = this.#at(address);
    return Array.from({ length: size / memory.page }, (_, index) => {
      const at = address + index * memory.page;
      return {
        torn: () =>
          this.preset(
            at,
            this.read(at, memory.page).map((byte) => byte | this.#noise()),
          ),
        whole: () => {
          this.preset(at, new Uint8Array(memory.page).fill(memory.erased));
          this.pagesErased++;
        },
      };
    });
  }

  /** Words that equal the erased value are left out. Throws when a word was not erased before. */
  programming(address: number, data: Uint8Array): MicroStep[] {
    const { memory } = this.#at(address);
    const isErased = (word: Uint8Array) => word.every((byte) => byte === memory.erased);
    if (address % memory.word !== 0 || data.length % memory.word !== 0) throw new Error('not whole words');
    return Array.from({ length: data.length / memory.word }, (_, index) => {
      const at = address + index * memory.word;
      const word = data.subarray(index * memory.word, (index + 1) * memory.word);
      return {
        torn: () =>
          this.preset(
            at,
            this.read(at, memory.word).map((byte, i) => byte & ((word[i] ?? 0) | this.#noise())),
          ),
        whole: () => {
          if (isErased(word)) return;
          if (!isErased(this.read(at, memory.word))) throw new Error(`word at ${at} programmed without being erased`);
          this.preset(at, word);
          this.wordsProgrammed++;
        },
      };
    });
  }

  /** Words to zero, whatever they hold, the last first. */
  zeroing(address: number, size: number): MicroStep[] {
    const { memory } = this.#at(address);
    return Array.from({ length: size / memory.word }, (_, index) => {
      const at = address + size - (index + 1) * memory.word;
      return {
        torn: () =>
          this.preset(
            at,
            this.read(at, memory.word).map((byte) => byte & this.#noise()),
          ),
        whole: () => {
          this.preset(at, new Uint8Array(memory.word));
          this.wordsZeroed++;
        },
      };
    });
  }

  #at(address: number): { readonly memory: FlashMemory; readonly bytes: Uint8Array } {
    const found = this.#memories.find(({ memory }) => address >= memory.start && address < memory.start + memory.size);
    if (!found) throw new Error(`no flash at ${address}`);
    return found;
  }
}

export interface Trace {
  /** After every micro step, and in the middle of it. */
  onState(operation: Operation, torn: boolean): void;
}

type Wanted = (address: number, size: number) => Uint8Array;

function stepsOf(operation: MemoryOperation, flash: ModelFlash, wanted: Wanted): MicroStep[] {
  const { address, size } = operation;
  if (operation.op === 'erase') return flash.erasing(address, size);
  if (operation.op === 'mass-erase') return flash.erasingAll(operation.memories);
  if (operation.op !== 'invalidate') return flash.programming(address, wanted(address, size));
  const zeroing = flash.zeroing(operation.flag.address, operation.flag.size);
  return operation.zerosOnly ? zeroing : [...zeroing, ...flash.erasing(address, size)];
}

/** Carries a plan out on the model. Throws on a failed verification. */
export function simulate(plan: Plan, flash: ModelFlash, wanted: Wanted, trace: Trace): void {
  for (const operation of plan.operations) {
    if (operation.op === 'lock') throw new TypeError('flash has no steps of no return');
    const { address, size } = operation;
    if (operation.op === 'verify' || operation.op === 'verify-flag') {
      if (sha256Hex(flash.read(address, size)) !== operation.sha256)
        throw new Error(`${operation.op} at ${address} failed`);
      continue;
    }
    const steps = stepsOf(operation, flash, wanted);
    for (const step of steps) {
      const restore = flash.snapshot();
      step.torn();
      trace.onState(operation, true);
      restore();
      step.whole();
      trace.onState(operation, false);
    }
  }
}
