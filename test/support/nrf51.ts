import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { realClock } from '#main/app/compose-home.ts';
import { openStream, parseGdbAddress } from '#main/link/address.ts';
import { type FlashAlgorithm, loadFlashAlgorithm } from '#main/programmer/ram-loader-algorithm.ts';
import { openGdbTarget } from '#main/target/open-gdb.ts';
import type { Target } from '#main/target/target.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';

/** What every test and figure on an emulated nRF51822 begins with. */
const root = new URL('../../', import.meta.url);

export function repositoryFile(path: string): string {
  return fileURLToPath(new URL(path, root));
}

export async function chipDescription(id: string): Promise<ChipDescription> {
  return ChipDescription.parse(parse(await readFile(repositoryFile(`resources/chips/${id}.yaml`), 'utf8')));
}

export async function nvmcAlgorithm(): Promise<FlashAlgorithm> {
  return loadFlashAlgorithm(repositoryFile('resources/flash-algorithms'), 'nrf-nvmc');
}

export function memoryOf(chip: ChipDescription, name: string): FlashMemory {
  const memory = flashMemories(chip).find((one) => one.name === name);
  if (!memory) throw new Error(`${chip.id} has no flash memory ${name}`);
  return memory;
}

export function realIo(signal: AbortSignal = new AbortController().signal): IoContext {
  return { clock: realClock, signal };
}

export async function openTarget(url: string, chip: ChipDescription, io: IoContext): Promise<Target> {
  return openGdbTarget(await openStream(parseGdbAddress(url), url, io), chip, io);
}
