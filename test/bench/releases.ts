import { writeU32 } from '#shared/base/bytes.ts';
import type { Role } from '#shared/model/recipe.ts';
import type { Bench } from '#main/bench/bench.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { NRF52840 } from './bench-run.ts';

/** Bytes that look random and are the same every time; no word of them is erased. */
export function noise(size: number, seed: number): Uint8Array {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 24) & 0x7f;
  });
}

export function image(role: Role, ...segments: readonly { address: number; data: Uint8Array }[]): ReleaseImage {
  return { role, version: '1.0.0', file: `${role}.bin`, image: { format: 'bin', segments } };
}

/** An application with a vector table that a Cortex-M would start. */
export function application(size: number, seed: number, address = 0): ReleaseImage {
  const data = noise(size, seed);
  writeU32(data, 0, 0x2000_8000);
  writeU32(data, 4, (address + 0x101) >>> 0);
  return image('application', { address, data });
}

/** Puts a release into a board as if it had been flashed before. */
export function preload(
  bench: Bench,
  serial: string,
  images: readonly ReleaseImage[],
  description: ChipDescription = NRF52840,
): void {
  const { chip } = bench.boardFor(description.id, serial);
  for (const page of layOut(description, images).pages) {
    const view = new DataView(page.bytes.buffer, page.bytes.byteOffset, page.bytes.byteLength);
    for (let at = 0; at < page.bytes.length; at += 4) {
      const word = view.getUint32(at, true);
      if (word !== 0xffff_ffff) chip.preload(page.address + at, word);
    }
  }
}

/** What the cells hold, read behind the driver's back. */
export function cells(bench: Bench, serial: string, address: number, size: number, id = NRF52840.id): Uint8Array {
  const { chip } = bench.boardFor(id, serial);
  const out = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const word = chip.peek(((address + i) & ~3) >>> 0) ?? 0;
    out[i] = word >>> (8 * ((address + i) & 3));
  }
  return out;
}
