import { createHash, verify } from 'node:crypto';
import { readU32 } from '#shared/base/bytes.ts';
import { type LoaderDuty, readLoader } from './bench-loader.ts';
import { type Boot, keyOf, type ReadCells, refuses } from './boot.ts';
import { startMcuboot } from './mcuboot-start.ts';

export interface Range {
  readonly start: number;
  readonly size: number;
}

export interface CortexMMap {
  /** Where the core finds stack pointer and reset vector. */
  readonly vectors: number;
  readonly flash: Range;
  readonly ram: readonly Range[];
}

const SIGNATURE = 64;

/**
 * A Cortex-M and the bench's boot loader. The core takes any vectors (ARMv7-M B1.5.5: a stack pointer and an address with its
 * Thumb bit) and executes what they lead to; a reset vector that leads nowhere, or to nothing that is Thumb, locks it up.
 */
export function bootCortexM(map: CortexMMap, read: ReadCells): Boot {
  const vectors = read(map.vectors, 8);
  const [stack, reset] = [readU32(vectors, 0), readU32(vectors, 4)];
  const inFlash = reset >= map.flash.start && reset < map.flash.start + map.flash.size;
  if ((reset & 1) === 0 || !inFlash) return refuses('rom', 'its reset vector leads nowhere: the core locks up');
  // The first push faults, and so does the fault's own.
  if (!map.ram.some(({ start, size }) => stack > start && stack <= start + size))
    return refuses('rom', 'its stack pointer leads nowhere: the core locks up');
  const duty = readLoader((offset, size) => read(map.vectors + offset, size));
  return typeof duty === 'string' ? { end: 'runs wild', why: duty } : start(duty, read);
}

function start(duty: LoaderDuty, read: ReadCells): Boot {
  const { word, slot, key, checks } = duty;
  if (word && readU32(read(word.address, 4), 0) !== word.value)
    return refuses('bootloader', 'the word that says that its application is valid does not stand there');
  const bytes = read(slot.address, slot.size);
  return checks === 'mcuboot' ? startMcuboot(bytes, key) : startPlain(bytes, key);
}

/** The signature stands in the slot's last bytes. */
function startPlain(bytes: Uint8Array, key: string): Boot {
  const image = bytes.subarray(0, bytes.length - SIGNATURE);
  if (!verify(null, image, keyOf(key), bytes.subarray(-SIGNATURE)))
    return refuses('bootloader', 'the signature behind its application is not its own');
  return { end: 'boots', image: createHash('sha256').update(image).digest('hex'), version: '', confirmed: true };
}
