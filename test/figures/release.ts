import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { nodeFiles } from '#main/release/files.ts';
import { buildFlashpack } from '#main/release/flashpack/build-flashpack.ts';
import { writeTrust } from '#main/release/flashpack/trust-file.ts';
import { ed25519Key, trustIn } from '#test/support/release-keys.ts';

export interface ReleaseFigures {
  readonly bytes: number;
  /** Opened, its signature verified, every byte hashed: the best of the runs, in a process of its own each. */
  readonly openMs: number;
  /** Processor time of the whole process, its start included: what a busy computer does not blur. */
  readonly cpuMs: number;
  /** The highest resident memory of that process, and what it had before it opened anything; MB of 2^20 bytes. */
  readonly peakMb: number;
  readonly idleMb: number;
}

const SIZE = 64 * 1024 * 1024;
const RUNS = 5;
const RECIPE = `schema: 1
product: { id: large, revision: A, name: Large board }
chip: w25q512jv
interface: spi
images:
  - { role: application, file: app.bin, version: 1.0.0, address: 0 }
serial: { pattern: '^HB[0-9]{6}$' }
`;
const Run = z.object({ ms: z.number(), cpuMs: z.number(), peakMb: z.number(), idleMb: z.number() });

/** A .flashpack of 64 MiB that nothing could compress, from the disk's cache. */
export async function measureRelease(): Promise<ReleaseFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'flashline-release-'));
  try {
    const key = ed25519Key(1);
    const [file, trusted, source] = ['x.flashpack', 'trusted.json', 'folder'].map((name) => join(folder, name));
    if (file === undefined || trusted === undefined || source === undefined) throw new Error('no places');
    await mkdir(source);
    await writeFile(join(source, 'recipe.yaml'), RECIPE);
    await writeFile(join(source, 'app.bin'), randomBytes(SIZE));
    await writeFile(file, await buildFlashpack(join(source, 'recipe.yaml'), { files: nodeFiles, key }));
    writeTrust(trusted, await trustIn({ key }), randomBytes);
    const runs: z.infer<typeof Run>[] = [];
    for (let run = 0; run < RUNS; run++) runs.push(await opened(file, trusted));
    const best = (pick: (run: z.infer<typeof Run>) => number) => Math.min(...runs.map(pick));
    const worst = (pick: (run: z.infer<typeof Run>) => number) => Math.max(...runs.map(pick));
    return {
      bytes: SIZE,
      openMs: best(({ ms }) => ms),
      cpuMs: best(({ cpuMs }) => cpuMs),
      peakMb: worst(({ peakMb }) => peakMb),
      idleMb: best(({ idleMb }) => idleMb),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function opened(file: string, trusted: string): Promise<z.infer<typeof Run>> {
  const script = join(import.meta.dirname, 'release-process.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, file, trusted]);
  return Run.parse(JSON.parse(stdout));
}
