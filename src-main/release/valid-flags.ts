import { assertNever } from '#shared/base/assert-never.ts';
import { concat, equalBytes, fromHex, hexAddress, isFilledWith, readU32, wordsToBytes } from '#shared/base/bytes.ts';
import { crc32 } from '#shared/base/digest.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { ValidFlag } from '#shared/model/valid-flag.ts';
import type { Segment } from '../image/image.ts';
import { NVS_ENTRIES, NVS_ENTRY, NVS_FIRST_ENTRY, NVS_PAGE } from '../image/nvs/nvs-format.ts';
import type { ReleaseImage } from '../plan/layout.ts';
import type { RegionFault } from '../plan/regions.ts';

/** Bytes that the image gets besides its file's, and those of them that are set last. */
interface Placed {
  readonly address: number;
  readonly data: Uint8Array;
  readonly flag: { readonly address: number; readonly size: number };
}

type Map = Pick<Recipe, 'images' | 'partitions'>;

/** MCUboot, "Image trailer", with flags of 8 bytes: image_ok, then the magic number at the very end. */
const TRAILER = fromHex('01ffffffffffffff77c295f360d2ef7f3552500f2cb67980');
/** Two sectors of OTA data; an entry: number, label of 20 bytes, state, CRC-32 of the number (ESP-IDF, esp_flash_partitions.h). */
const OTA_DATA = 0x2000;
const OTA_ENTRY = 32;
const OTA_VALID = 2;

/** The images with what their recipe's valid flags add to them. */
export function withValidFlags(
  recipe: Map,
  images: readonly ReleaseImage[],
): { readonly images: readonly ReleaseImage[]; readonly faults: readonly RegionFault[] } {
  const faults: RegionFault[] = [];
  const flagged = images.map((image, index) => {
    const valid = recipe.images[index]?.valid;
    if (!valid) return image;
    const placed = placedOf(valid, recipe, index, image);
    const segments = typeof placed === 'string' ? placed : overlaid(image.image.segments, placed);
    if (typeof placed !== 'string' && typeof segments !== 'string')
      return { ...image, image: { ...image.image, segments }, flags: [placed.flag], start: startOf(image) };
    const detail = [placed, segments].find((each) => typeof each === 'string');
    faults.push({ path: ['images', index, 'valid'], detail: detail ?? '' });
    return image;
  });
  return { images: flagged, faults };
}

function startOf({ image }: ReleaseImage): number {
  return Math.min(...image.segments.map(({ address }) => address));
}

function placedOf(valid: ValidFlag, recipe: Map, index: number, image: ReleaseImage): Placed | string {
  const partitionOf = (name: string | undefined) => recipe.partitions?.find((each) => each.name === name);
  switch (valid.by) {
    case 'word': {
      if (valid.address % 4 !== 0) return `${hexAddress(valid.address)} is not a multiple of 4`;
      return whole(valid.address, wordsToBytes([valid.value]));
    }
    case 'mcuboot-trailer': {
      const slot = partitionOf(recipe.images[index]?.partition);
      if (!slot) return 'name the partition that is the image’s slot';
      return whole(slot.address + slot.size - TRAILER.length, TRAILER);
    }
    case 'esp-ota-data': {
      const partition = partitionOf(valid.partition);
      if (!partition) return `there is no partition ${valid.partition} in this recipe`;
      if (partition.size !== OTA_DATA) return `${partition.name} is not of ${OTA_DATA} bytes, as OTA data are`;
      const data = new Uint8Array(OTA_DATA).fill(0xff);
      data.set(otaEntry(valid.slot + 1));
      return { address: partition.address, data, flag: { address: partition.address, size: OTA_ENTRY } };
    }
    case 'nvs-key':
      return nvsEntry(image.image.segments, valid);
    default:
      return assertNever(valid, 'valid flag');
  }
}

function whole(address: number, data: Uint8Array): Placed {
  return { address, data, flag: { address, size: data.length } };
}

/** Slots are counted by the number, modulo how many there are: the first number of each is its own. */
function otaEntry(number: number): Uint8Array {
  const counted = wordsToBytes([number]);
  return concat([counted, new Uint8Array(20).fill(0xff), wordsToBytes([OTA_VALID, crc32(counted, 0xffffffff)])]);
}

/** The entry of the key: namespace index, type, span, chunk, CRC, key of 16 bytes, data; a namespace's own has index 0. */
function nvsEntry(
  segments: readonly Segment[],
  { namespace, key }: { namespace: string; key: string },
): Placed | string {
  const entries = segments.flatMap(({ address, data }) => entriesOf(address, data));
  const space = entries.find(({ bytes }) => bytes[0] === 0 && keyOf(bytes) === namespace)?.bytes[24];
  const found = entries.find(({ bytes }) => space !== undefined && bytes[0] === space && keyOf(bytes) === key);
  if (!found) return `its image has no key ${key} in a namespace ${namespace}`;
  return whole(found.address, found.bytes);
}

function entriesOf(address: number, data: Uint8Array): { address: number; bytes: Uint8Array }[] {
  const entries = [];
  for (let page = 0; page + NVS_PAGE <= data.length; page += NVS_PAGE) {
    for (let index = 0; index < NVS_ENTRIES; index++) {
      const at = page + NVS_FIRST_ENTRY + index * NVS_ENTRY;
      const bytes = data.subarray(at, at + NVS_ENTRY);
      if (readU32(bytes, 0) !== 0xffffffff) entries.push({ address: address + at, bytes });
    }
  }
  return entries;
}

function keyOf(entry: Uint8Array): string {
  const text = entry.subarray(8, 24);
  const end = text.indexOf(0);
  return new TextDecoder().decode(text.subarray(0, end < 0 ? text.length : end));
}

/** The segments with these bytes among them; in words, why they cannot be. */
function overlaid(segments: readonly Segment[], { address, data }: Placed): Segment[] | string {
  const end = address + data.length;
  const touched = segments.filter(
    (segment) => segment.address < end && address < segment.address + segment.data.length,
  );
  if (touched.length === 0) return [...segments, { address, data }].toSorted((a, b) => a.address - b.address);
  const [only] = touched;
  const inside = only && only.address <= address && end <= only.address + only.data.length;
  if (!only || touched.length > 1 || !inside) return `the image ends in the middle of ${hexAddress(address)}`;
  const held = only.data.subarray(address - only.address, end - only.address);
  if (!equalBytes(held, data) && !isFilledWith(held, 0xff))
    return `the image has something else at ${hexAddress(address)}`;
  const changed = only.data.slice();
  changed.set(data, address - only.address);
  return segments.map((segment) => (segment === only ? { ...only, data: changed } : segment));
}
