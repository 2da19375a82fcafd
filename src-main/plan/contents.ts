import { type ChipDescription, type FlashMemory, flashHolding } from '#shared/model/chip.ts';

/** A run of bytes to program: whole words, aligned to the memory's word. */
export interface ProgramRun {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** What a unit's flash must hold, byte by byte. */
export interface Contents {
  /**
   * The wanted bytes of [address, address + size), valid flags set; erased where the release says nothing.
   * Throws RangeError when the range is not inside one flash memory.
   */
  bytes(address: number, size: number): Uint8Array;
  /** The same into `out`, from `address` on: for those who would else leave a heap of copies behind. */
  copyTo(out: Uint8Array, address: number): void;
}

export function contentsOf(chip: ChipDescription, pages: readonly ProgramRun[]): Contents {
  const byAddress = new Map(pages.map((page) => [page.address, page]));
  return filledBy((out, address) => {
    const size = out.length;
    const memory = flashHolding(chip, address, size);
    if (!memory) throw new RangeError(`no flash memory holds ${size} bytes at ${address}`);
    out.fill(memory.erased);
    const first = address - ((address - memory.start) % memory.page);
    for (let start = first; start < address + size; start += memory.page) {
      const page = byAddress.get(start);
      if (page) copyOverlap(page.bytes, start, out, address);
    }
  });
}

function filledBy(copyTo: Contents['copyTo']): Contents {
  return {
    copyTo,
    bytes(address, size) {
      const out = new Uint8Array(size);
      copyTo(out, address);
      return out;
    },
  };
}

/** The same contents with one range erased: with a flag's, what stands in the unit until `validate`. */
export function withErased(contents: Contents, memory: FlashMemory, address: number, size: number): Contents {
  const blank = new Uint8Array(size).fill(memory.erased);
  return filledBy((out, from) => {
    contents.copyTo(out, from);
    copyOverlap(blank, address, out, from);
  });
}

/**
 * The words of [address, address + bytes.length) that differ from the erased value, as runs: erased words need no
 * programming. Runs at most `maxGap` bytes apart are joined, for where a call costs more than a few erased words.
 */
export function programRuns(memory: FlashMemory, address: number, bytes: Uint8Array, maxGap = 0): ProgramRun[] {
  const runs: ProgramRun[] = [];
  const isErased = erasedWords(memory, bytes);
  let from = -1;
  let to = 0;
  for (let at = 0; at < bytes.length; at += memory.word) {
    if (isErased(at)) continue;
    if (from >= 0 && at - to > maxGap) {
      runs.push({ address: address + from, bytes: bytes.subarray(from, to) });
      from = -1;
    }
    if (from < 0) from = at;
    to = at + memory.word;
  }
  if (from >= 0) runs.push({ address: address + from, bytes: bytes.subarray(from, to) });
  return runs;
}

/** Whether the memory's word at an offset holds nothing. Looks at 4 bytes at a time where it can: images are large. */
function erasedWords({ word, erased }: FlashMemory, bytes: Uint8Array): (at: number) => boolean {
  const wide = word % 4 === 0 && bytes.byteOffset % 4 === 0;
  if (!wide) {
    return (at) => {
      for (let i = at; i < at + word; i++) if (bytes[i] !== erased) return false;
      return true;
    };
  }
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const blank = (erased * 0x0101_0101) >>> 0;
  return (at) => {
    for (let i = at >>> 2; i < (at + word) >>> 2; i++) if (words[i] !== blank) return false;
    return true;
  };
}

function copyOverlap(source: Uint8Array, sourceAddress: number, target: Uint8Array, targetAddress: number): void {
  const from = Math.max(sourceAddress, targetAddress);
  const to = Math.min(sourceAddress + source.length, targetAddress + target.length);
  if (from < to) target.set(source.subarray(from - sourceAddress, to - sourceAddress), from - targetAddress);
}
