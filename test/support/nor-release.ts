import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A boot loader and a file system for a board's NOR flash, as files; deterministic. */
export async function writeNorRelease(
  folder: string,
  { chip, seed = 1, more = '' }: { readonly chip: string; readonly seed?: number; readonly more?: string },
): Promise<{ readonly bootloader: Uint8Array; readonly filesystem: Uint8Array }> {
  const bootloader = noise(10_000, seed);
  const filesystem = noise(50_001, seed + 100);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'boot.bin'), bootloader);
  await writeFile(join(folder, 'fs.bin'), filesystem);
  await writeFile(
    join(folder, 'recipe.yaml'),
    [
      'schema: 1',
      'product: { id: nor-board, revision: A, name: Board with a NOR flash }',
      `chip: ${chip}`,
      'interface: spi',
      'images:',
      `  - { role: bootloader, file: boot.bin, version: 1.0.${seed}, address: 0x0 }`,
      `  - { role: filesystem, file: fs.bin, version: 1.0.${seed}, address: 0x20000 }`,
      more,
      "serial: { pattern: '^NB[0-9]{6}$' }",
      '',
    ].join('\n'),
  );
  return { bootloader, filesystem };
}

export function noise(size: number, seed: number): Uint8Array {
  const out = new Uint8Array(size);
  let state = Math.imul(seed, 0x9e37_79b1);
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    out[i] = state >>> 16;
  }
  return out;
}
