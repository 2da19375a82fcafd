import type { SignedBy } from '#shared/model/unit-record.ts';
import { type Manifest, manifestBytes } from '#shared/release/manifest.ts';
import { releaseDigest } from '#shared/release/release-digest.ts';
import { readRecipe } from '#shared/release/recipe-file.ts';
import { type ReleasePrivateKey, signManifest } from '#shared/release/release-signature.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { buildFlashpack } from '#main/release/flashpack/build-flashpack.ts';
import { type Flashpack, openFlashpack } from '#main/release/flashpack/open-flashpack.ts';
import { judge, type TrustList } from '#main/release/flashpack/trust-list.ts';
import { ed25519Key } from '#test/support/release-keys.ts';
import type { RawEntry } from '#test/support/raw-zip.ts';
import { memoryFiles } from '../memory-files.ts';

export const RECIPE = `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf51822
interface: swd
images:
  - { role: application, file: app.bin, version: 1.0.0, address: 0 }
  - { role: bootloader, file: sub/boot.bin, version: 2.0.0, address: 0x3c000 }
serial: { pattern: '^HB[0-9]{6}$' }
`;
export const APP = Uint8Array.from({ length: 100 }, (_, index) => index);
export const BOOT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
export const FOLDER = { '/r/recipe.yaml': RECIPE, '/r/app.bin': APP, '/r/sub/boot.bin': BOOT };
export const KEY = ed25519Key(7);
export const NOW = new Date('2027-06-01T12:00:00Z');

export function build(key: ReleasePrivateKey | null = KEY, folder: Record<string, string | Uint8Array> = FOLDER) {
  return buildFlashpack('/r/recipe.yaml', { files: memoryFiles(folder), key });
}

export function open(bytes: Uint8Array, list: TrustList, now = NOW): Promise<Flashpack> {
  return openFlashpack('x.flashpack', bytes, {
    judge: (signed): Promise<SignedBy> => judge('x.flashpack', signed, list, now),
  });
}

const bytesOf = (text: string | Uint8Array) => (typeof text === 'string' ? new TextEncoder().encode(text) : text);

/** What an honest manifest of these files says. */
export function manifestOf(files: Readonly<Record<string, string | Uint8Array>>): Manifest {
  const recipe = readRecipe('recipe.yaml', bytesOf(files['recipe.yaml'] ?? RECIPE)).value;
  const digest = (path: string) => sha256Hex(bytesOf(files[path] ?? ''));
  return {
    format: 'flashline-flashpack',
    schema: 1,
    product: { id: recipe.product.id, revision: recipe.product.revision },
    release: releaseDigest(
      recipe,
      recipe.images.map(({ file }) => digest(file)),
    ),
    parts: Object.entries(files).map(([path, bytes]) => ({ path, size: bytesOf(bytes).length, sha256: digest(path) })),
  };
}

export const FILES = { 'recipe.yaml': RECIPE, 'app.bin': APP, 'sub/boot.bin': BOOT };

/** The entries of a pack whose manifest is signed, whatever it says. */
export async function entriesOf(
  files: Readonly<Record<string, string | Uint8Array>>,
  manifest: Uint8Array = manifestBytes(manifestOf(files)),
): Promise<RawEntry[]> {
  return [
    { name: 'manifest.json', bytes: manifest },
    { name: 'manifest.jws', bytes: await signManifest(manifest, KEY) },
    ...Object.entries(files).map(([name, bytes]) => ({ name, bytes })),
  ];
}
