import { dirname, join } from 'node:path';
import { sha256Hex } from '#shared/base/digest.ts';
import { labelFaults } from '#shared/identity/identity-faults.ts';
import { chipBy, type ChipDescription, hasInterface } from '#shared/model/chip.ts';
import { FlashlineError, type Where } from '#shared/model/failure.ts';
import type { Recipe, Role } from '#shared/model/recipe.ts';
import type { ImageSigner } from '#shared/model/signature.ts';
import { readRecipe, type RecipeFile, recipeInvalid } from '#shared/release/recipe-file.ts';
import { releaseDigest } from '#shared/release/release-digest.ts';
import { MAX_KEY_BYTES, signatureFiles } from '#shared/release/signature-files.ts';
import type { Path } from '#shared/release/schema-words.ts';
import { MAX_YAML_BYTES, pathText } from '#shared/release/yaml-file.ts';
import type { Image } from '../image/image.ts';
import { openImage } from '../image/open-image.ts';
import type { Contents } from '../plan/contents.ts';
import { type Layout, layOut, type ReleaseImage } from '../plan/layout.ts';
import { lockFaults, releaseFaults } from '../plan/lock-faults.ts';
import type { RegionFault } from '../plan/regions.ts';
import type { ChipLibrary } from './chip-library.ts';
import { checkEspRelease } from './esp-release.ts';
import { type Files, fileFailure } from './files.ts';
import { manufacturingFaults } from './manufacturing/check.ts';
import { placeholderOf } from './manufacturing/for-unit.ts';
import { readInside, recipeFileOf } from './recipe-folder.ts';
import { placeImages } from './place-images.ts';
import { openPerUnit, type PerUnit } from './signature/per-unit.ts';
import { checkSignature } from './signature/check-signature.ts';
import type { Issuer } from './manufacturing/device-certificate.ts';
import type { UnitKeys } from './manufacturing/to-sign.ts';
import { unitKeysOf } from './manufacturing/unit-keys.ts';

/** A recipe with its images, resolved against the chip: all that a run needs, in memory, unchanged while it runs. */
export interface Release {
  readonly recipe: Recipe;
  /** As the recipe's interface has it. */
  readonly chip: ChipDescription;
  /** In the recipe's order. */
  readonly images: readonly ReleaseImage[];
  /** SHA-256 over the recipe and its images' files (release-digest.ts). */
  readonly digest: string;
  readonly layout: Layout;
  readonly contents: Contents;
  /** Who signed the images that the recipe wants signed. */
  readonly signers: ReadonlyMap<Role, ImageSigner>;
  /** Public keys of what the plant signs for each unit. */
  readonly unitKeys: UnitKeys;
  /** Who issues units' certificates; null where the recipe wants none. */
  readonly issuer: Issuer | null;
  /** Images that the plant signs for each unit; null where the recipe wants none. `images` have room for what they are given. */
  readonly perUnit: PerUnit | null;
}

export interface ReleaseOptions {
  readonly chips: ChipLibrary;
  readonly files: Files;
}

/** In a .dfu file's suffix (DFU 1.1, appendix B.2). */
const ANY_ID = 0xffff;

/**
 * Opens a folder with recipe.yaml, or that file. Rejects with `file-missing`, `file-unreadable`, `recipe-invalid`,
 * `chip-unknown`, `interface-unsupported` or an `image-...` code; `where` names file, line and path.
 */
export async function openRelease(path: string, { chips, files }: ReleaseOptions): Promise<Release> {
  const file = await recipeFileOf(path, files);
  const bytes = await files.read(file, MAX_YAML_BYTES).catch((error: unknown) => {
    throw fileFailure(file, { file }, error);
  });
  const source = readRecipe(file, bytes);
  const { value: recipe } = source;
  const where = (at: Path): Where => ({ file, line: source.lineOf(at), path: pathText(at) });
  const known = chipOf(recipe, chips, where(['chip']));
  if (!hasInterface(known, recipe.interface)) {
    const params = { interface: recipe.interface, chip: known.name };
    throw new FlashlineError('interface-unsupported', { where: where(['interface']), params });
  }
  const chip = chipBy(known, recipe.interface);
  const opened = [];
  const families = known.uf2?.families ?? known.hf2?.families;
  for (const index of recipe.images.keys())
    opened.push(await openListed(file, source, index, { files, chip, families }));
  const extra = await readBeside(recipe, (name) => readInside(file, name, where(['images']), files, MAX_KEY_BYTES));
  const unitKeys = unitKeysOf(recipe, extra);
  const made = placeholderOf(recipe);
  const listed = opened.map(({ image }) => image);
  const tells = { uid: tellsUid(recipe, known), mac: recipe.interface === 'uart' && known.uart?.kind === 'esp' };
  const { images: roomy, perUnit, faults } = openPerUnit(recipe, listed, unitKeys.keys, tells.uid);
  requireNone(faults, file, source);
  const placed = placeImages(recipe, chip, [...roomy, ...made]);
  requireNone(placed.faults, file, source);
  const images = placed.images.slice(0, opened.length);
  const layout = layOut(chip, images, placed.kept);
  const whole = made.length === 0 ? layout : layOut(chip, placed.images, placed.kept);
  // Without what valid flags add: an image begins where its file says.
  if (recipe.interface === 'uart' && chip.uart?.kind === 'esp')
    checkEspRelease(layOut(chip, placed.unflagged, placed.kept), chip.uart);
  requireNone([...lockFaults(recipe, recipe.interface, whole), ...releaseFaults(recipe)], file, source);
  requireNone([...manufacturingFaults(recipe, tells.uid), ...labelFaults(recipe, tells)], file, source);
  requireNone(unitKeys.faults, file, source);
  const signers = signersOf(recipe, opened, extra, where);
  const hashes = [...opened.map(({ sha256 }) => sha256), ...[...extra.values()].map(sha256Hex)];
  const digest = releaseDigest(recipe, hashes);
  return {
    recipe,
    chip,
    images,
    digest,
    layout,
    contents: layout.contents,
    signers,
    unitKeys: unitKeys.keys,
    issuer: unitKeys.issuer,
    perUnit,
  };
}

/** Keys and detached signatures, by their names in the recipe. */
async function readBeside(
  recipe: Recipe,
  read: (name: string) => Promise<Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const name of signatureFiles(recipe)) found.set(name, await read(name));
  return found;
}

/** Throws `signature-missing` or `signature-wrong`. */
function signersOf(
  recipe: Recipe,
  opened: readonly Opened[],
  files: ReadonlyMap<string, Uint8Array>,
  where: (at: Path) => Where,
): ReadonlyMap<Role, ImageSigner> {
  const read = (name: string) => files.get(name) ?? new Uint8Array();
  return new Map(
    recipe.images.flatMap(({ role, file, signature }, index) => {
      const found = opened[index];
      if (!signature || !found) return [];
      const signed = { file, bytes: found.bytes, image: found.image.image };
      return [[role, checkSignature(signed, signature, read, where(['images', index, 'signature']))]];
    }),
  );
}

function tellsUid(recipe: Recipe, chip: ChipDescription): boolean {
  // Boot loaders and memories tell an id of their own, or none, when they are there.
  return (recipe.interface !== 'swd' && recipe.interface !== 'jtag') || chip.identity.uid !== undefined;
}

function requireNone(faults: readonly RegionFault[], file: string, { lineOf }: RecipeFile): void {
  if (faults.length === 0) return;
  const problems = faults.map(({ path, detail }) => ({ line: lineOf(path), path: pathText(path), detail }));
  throw recipeInvalid(file, problems);
}

function chipOf(recipe: Recipe, chips: ChipLibrary, where: Where): ChipDescription {
  const chip = chips.find(recipe.chip);
  if (chip) return chip;
  const known = chips.chips.map(({ id }) => id).join(', ');
  throw new FlashlineError('chip-unknown', { where, params: { chip: recipe.chip, known } });
}

interface Opened {
  readonly image: ReleaseImage;
  /** Of the file. */
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

interface ListedOptions {
  readonly files: Files;
  readonly chip: ChipDescription;
  /** The chip's, for UF2 files. */
  readonly families: readonly number[] | undefined;
}

async function openListed(
  recipeFile: string,
  source: RecipeFile,
  index: number,
  { files, chip, families }: ListedOptions,
): Promise<Opened> {
  const listed = source.value.images[index];
  if (!listed) throw new RangeError(`no image ${index}`);
  const at = ['images', index, 'file'];
  const where = { file: recipeFile, line: source.lineOf(at), path: pathText(at) };
  const file = join(dirname(recipeFile), listed.file);
  const bytes = await readInside(recipeFile, listed.file, where, files);
  const partition = source.value.partitions?.find(({ name }) => name === listed.partition);
  const image = openImage(file, bytes, { address: listed.address ?? partition?.address, families });
  checkDevice(image, chip, file);
  if (image.format !== 'bin' && image.format !== 'dfu' && listed.address !== undefined) {
    const path = ['images', index, 'address'];
    const detail = `only plain binary needs an address; ${listed.file} carries its own`;
    throw recipeInvalid(recipeFile, [{ line: source.lineOf(path), path: pathText(path), detail }]);
  }
  return { image: { role: listed.role, version: listed.version, file, image }, sha256: sha256Hex(bytes), bytes };
}

/** A .dfu file names the device that it is for; at connecting the device is held against the chip's ids in turn. */
function checkDevice({ device }: Image, chip: ChipDescription, file: string): void {
  if (!device || !chip.dfu) return;
  const is = (asked: number, id: number) => asked === ANY_ID || asked === id;
  const { ids } = chip.dfu;
  if (ids.some(({ vendor, product }) => is(device.vendorId, vendor) && is(device.productId, product))) return;
  const name = (vendor: number, product: number) =>
    [vendor, product].map((id) => id.toString(16).padStart(4, '0')).join(':');
  const found = name(device.vendorId, device.productId);
  const expected = ids.map(({ vendor, product }) => name(vendor, product)).join(', ');
  throw new FlashlineError('image-other-device', { where: { file }, params: { file, found, expected } });
}
