import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '#shared/base/digest.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { readFlm } from '../image/flm.ts';
import { createFlmDevice, type PlacedFlm } from '../programmer/flm-device.ts';
import type { FlashDevice } from '../programmer/flash-device.ts';
import { isProgrammer, type OpenedUnit } from '../programmer/programmer.ts';
import { openFlashDevice } from '../programmer/open-flash-device.ts';
import { findFlashAlgorithm } from '../programmer/ram-loader-algorithm.ts';
import { type ChipLibrary, loadChips } from '../release/chip-library.ts';
import { fileFailure, nodeFiles } from '../release/files.ts';

/** Where chips and flash algorithms come from. */
export interface ChipSources {
  /** The folder of what is shipped: chips, flash-algorithms. */
  readonly resources: string;
  /** The station's data, where imported packs are kept. */
  readonly home: string;
}

/** Chips that came with packs: one description each, and the algorithms that they name. */
export function importedChips({ home }: ChipSources): string {
  return join(home, 'chips');
}

/** All chips that this station knows; a shipped description goes before an imported one. */
export function chipsOf(sources: ChipSources): Promise<ChipLibrary> {
  return loadChips([join(sources.resources, 'chips'), importedChips(sources)], nodeFiles);
}

/** The way to write a unit's flash: its own, our algorithms, or the one that came with the chip's pack. */
export function openFlashOf(sources: ChipSources): (unit: OpenedUnit, io: IoContext) => Promise<FlashDevice> {
  const folder = join(sources.resources, 'flash-algorithms');
  return async (unit, io) => {
    if (isProgrammer(unit)) return unit.openFlash(io);
    const { chip } = unit;
    if (chip.controller.kind === 'flm') return createFlmDevice(unit, await loadFlms(importedChips(sources), chip));
    return openFlashDevice(unit, io, await findFlashAlgorithm(folder, chip.controller.kind));
  };
}

async function loadFlms(folder: string, chip: ChipDescription): Promise<PlacedFlm[]> {
  return Promise.all(
    (chip.algorithms ?? []).map(async ({ file, sha256, start, size, ram }) => {
      const path = join(folder, file);
      const bytes = await readFile(path).catch((error: unknown) => {
        throw fileFailure(path, { file: path }, error);
      });
      if (sha256Hex(bytes) !== sha256) {
        const detail = 'the algorithm is not the one that was imported';
        throw new FlashlineError('pack-invalid', { where: { file: path }, params: { file: path, detail } });
      }
      return { flm: readFlm(path, bytes), start, size, ram };
    }),
  );
}
