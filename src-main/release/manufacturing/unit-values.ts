import { fromHex, toHex } from '#shared/base/bytes.ts';
import { linearPattern } from '#shared/base/linear-pattern.ts';
import { macCount, macSource } from '#shared/identity/mac-rules.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe, Role } from '#shared/model/recipe.ts';
import type { ImageSigner } from '#shared/model/signature.ts';
import type { Measurement } from '#shared/model/unit-record.ts';

/** What is known of one unit when its manufacturing partition is made. */
export interface UnitValues {
  readonly serial: string;
  /** As the chip tells it, lower-case hexadecimal; null where it has none. */
  readonly uid: string | null;
  /** Lower case, colons. */
  readonly macs: readonly string[];
  /** What a functional test measured of it. */
  readonly results?: readonly Measurement[];
  /** What was scanned or typed for this run, by name. */
  readonly scans: Readonly<Record<string, string>>;
  /** Of the template's signature fields that were made so far, by where they stand; left out for none. */
  readonly signatures?: ReadonlyMap<number, Uint8Array>;
  /** Images that were signed for the unit so far, by role; left out for none. */
  readonly signedImages?: ReadonlyMap<Role, UnitImage>;
  /** Left out before it was issued. */
  readonly certificate?: { readonly der: Uint8Array; readonly compressed: Uint8Array | null };
}

/** The bytes of an image as only this unit has them, verified. */
export interface UnitImage {
  readonly bytes: Uint8Array;
  readonly by: ImageSigner;
}

/** A value before a field takes it: hexadecimal where the source has bytes. */
export interface SourceValue {
  readonly text: string;
  readonly bytes: Uint8Array | null;
}

/** Throws `value-missing`. */
export function valueFrom(source: string, field: string, recipe: Recipe, unit: UnitValues): SourceValue {
  const [kind = '', part] = source.split('.');
  const found = SOURCES[kind]?.(part, recipe, unit);
  if (found) return found;
  throw new FlashlineError('value-missing', { where: { path: field }, params: { source, serial: unit.serial } });
}

type ReadSource = (part: string | undefined, recipe: Recipe, unit: UnitValues) => SourceValue | undefined;

const SOURCES: Readonly<Record<string, ReadSource>> = {
  serial: (part, recipe, { serial }) => text(part === undefined ? serial : groupsOf(recipe, serial)[part]),
  uid: (_part, _recipe, { uid }) => (uid === null ? undefined : { text: uid, bytes: bytesOf(uid) }),
  mac: (part, _recipe, { macs }) => {
    const mac = macs[Number(part ?? 1) - 1];
    return mac === undefined ? undefined : { text: mac, bytes: bytesOf(mac) };
  },
  scan: (part, _recipe, { scans }) => text(Object.hasOwn(scans, part ?? '') ? scans[part ?? ''] : undefined),
  test: (part, _recipe, { results = [] }) => {
    const found = results.find(({ name }) => name === part);
    return text(found && String(found.value));
  },
  certificate: (part, _recipe, { certificate }) => {
    const bytes = part === 'compressed' ? certificate?.compressed : certificate?.der;
    return bytes ? { text: toHex(bytes), bytes } : undefined;
  },
  product: (part, { product }) => text(part === 'id' ? product.id : product.revision),
  version: (part, { images }) => text(images.find(({ role }) => role === part)?.version),
};

/** Named groups of the recipe's pattern, where the serial matches it. */
function groupsOf({ serial: { pattern } }: Recipe, serial: string): Readonly<Record<string, string | undefined>> {
  const { groups, match } = linearPattern(pattern);
  const found = match(serial);
  return Object.fromEntries(groups.map((name) => [name, found?.group(name)?.text]));
}

function text(value: string | undefined): SourceValue | undefined {
  return value === undefined ? undefined : { text: value, bytes: null };
}

function bytesOf(hex: string): Uint8Array | null {
  const digits = hex.replaceAll(/[:\s-]/gu, '');
  return /^(?:[0-9a-f]{2})+$/iu.test(digits) ? fromHex(digits) : null;
}

/** What a recipe's source can never have a value from, in words; undefined where it can. */
export function sourceFault(source: string, recipe: Recipe, hasUid: boolean): string | undefined {
  const [kind = '', part] = source.split('.');
  switch (kind) {
    case 'serial':
      if (part === undefined || linearPattern(recipe.serial.pattern).groups.includes(part)) return undefined;
      return `the serial’s pattern has no group (?<${part}>...)`;
    case 'uid':
      return hasUid ? undefined : 'this chip has no hardware id that is known';
    case 'mac': {
      const count = macCount(macSource(recipe));
      if (count === 0) return 'the recipe has no macs, with the pool that they come from';
      return Number(part ?? 1) <= count ? undefined : `a unit is given ${count} MACs`;
    }
    case 'test':
      return recipe.results?.some(({ name }) => name === part) ? undefined : 'the recipe’s results do not have it';
    case 'certificate': {
      const { certificate } = recipe.manufacturing ?? {};
      if (!certificate) return 'the section has no certificate';
      return part === undefined || certificate.compressed ? undefined : 'the section’s certificate is not compressed';
    }
    case 'version':
      return recipe.images.some(({ role }) => role === part)
        ? undefined
        : `there is no image with the role ${part ?? ''}`;
    default:
      return undefined;
  }
}
