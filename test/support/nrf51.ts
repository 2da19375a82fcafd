import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { openStream, parseGdbAddress } from '#main/link/address.ts';
import { type FlashAlgorithm, readFlashAlgorithm } from '#main/programmer/ram-loader-algorithm.ts';
import { openGdbTarget } from '#main/target/open-gdb.ts';
import type { Target } from '#main/target/target.ts';
import type { Clock, IoContext } from '#shared/base/clock.ts';
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
  const path = 'resources/flash-algorithms/nrf-nvmc/nrf-nvmc.json';
  return readFlashAlgorithm(JSON.parse(await readFile(repositoryFile(path), 'utf8')), path);
}

export function memoryOf(chip: ChipDescription, name: string): FlashMemory {
  const memory = flashMemories(chip).find((one) => one.name === name);
  if (!memory) throw new Error(`${chip.id} has no flash memory ${name}`);
  return memory;
}

export const wallClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal ? { signal } : {});
  },
};

export function realIo(signal: AbortSignal = new AbortController().signal): IoContext {
  return { clock: wallClock, signal };
}

export async function openTarget(url: string, chip: ChipDescription, io: IoContext): Promise<Target> {
  return openGdbTarget(await openStream(parseGdbAddress(url), url, io), chip, io);
}
