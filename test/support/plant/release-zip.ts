import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';

export interface ZippedFile {
  readonly path: string;
  readonly bytes: Uint8Array | string;
}

/** A zip as any tool makes one; `level` 0 stores. */
export async function zipOf(files: readonly ZippedFile[], level = 6): Promise<Uint8Array> {
  const writer = new ZipWriter(new Uint8ArrayWriter(), { level, useWebWorkers: false });
  for (const { path, bytes } of files) {
    const content = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    await writer.add(path, new Uint8ArrayReader(content));
  }
  return writer.close();
}

export interface ZippedRelease {
  readonly product?: string;
  readonly version?: string;
  readonly image?: Uint8Array | string;
}

export function recipeText({ product = 'hello-nrf52', version = '1.4.2' }: ZippedRelease = {}): string {
  return `schema: 1
product: { id: ${product}, revision: B, name: Hello board }
chip: nrf52840
interface: swd
images:
  - { role: application, file: app.hex, version: ${version} }
serial: { pattern: '^HB[0-9]{6}$' }
`;
}

/** A release that a plant takes. */
export function releaseZip(release: ZippedRelease = {}): Promise<Uint8Array> {
  return zipOf([
    { path: 'recipe.yaml', bytes: recipeText(release) },
    { path: 'app.hex', bytes: release.image ?? ':00000001FF\n' },
  ]);
}
