import { fromHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe, Role } from '#shared/model/recipe.ts';
import type { SignedPerUnit } from '#shared/model/signed-per-unit.ts';
import { type McubootToSign, openToSign, signedImage, withProtectedTlv } from '../../image/mcuboot-signed.ts';
import type { ReleaseImage } from '../../plan/layout.ts';
import type { RegionFault } from '../../plan/regions.ts';
import { fieldFaults } from '../manufacturing/check.ts';
import { renderFor, type Template } from '../manufacturing/render.ts';
import { derOf, type ToSign, type UnitKeys } from '../manufacturing/to-sign.ts';
import type { UnitValues } from '../manufacturing/unit-values.ts';
import { mcubootKeyBytes, type PublicKeyFile, sha256 } from './public-key.ts';
import { verifyMcuboot } from './verify.ts';

/** An image that is signed for each unit. */
export interface PerUnitImage {
  readonly role: Role;
  readonly section: SignedPerUnit;
  readonly parts: McubootToSign;
  readonly publicKey: PublicKeyFile;
}

/** What of a release is signed for each unit. */
export interface PerUnit {
  /** All images of the release's files, before the recipe's regions and flags add to them. */
  readonly images: readonly ReleaseImage[];
  readonly signed: readonly PerUnitImage[];
}

/** MCUboot's types of signatures, and the most bytes that one has. */
const SIGNATURES = {
  'rsa-2048': { type: 0x20, most: 256 },
  'rsa-3072': { type: 0x23, most: 384 },
  // DER: two INTEGERs of 33 bytes and their heads.
  'ecdsa-p256': { type: 0x22, most: 72 },
  ed25519: { type: 0x24, most: 64 },
} as const;
const ROLES: ReadonlySet<Role> = new Set(['application', 'bootloader']);

/**
 * The release's images with room for what units will be given: the same for all of them, and as large as any unit's can be. Faults
 * are the recipe's.
 */
export function openPerUnit(
  recipe: Recipe,
  images: readonly ReleaseImage[],
  keys: UnitKeys,
  hasUid: boolean,
): { readonly images: readonly ReleaseImage[]; readonly perUnit: PerUnit | null; readonly faults: RegionFault[] } {
  const signed: PerUnitImage[] = [];
  const faults: RegionFault[] = [];
  const roomy = images.map((image, index) => {
    const listed = recipe.images[index];
    const publicKey = keys.get(listed?.signedPerUnit?.by.publicKey ?? '');
    if (!listed?.signedPerUnit || !publicKey) return image;
    const at = ['images', index, 'signedPerUnit'];
    const opened = openOne(image, listed.signedPerUnit, publicKey, listed.signature !== undefined);
    const wrong = fieldFaults(templateOf(listed.signedPerUnit), recipe, hasUid, [...at, 'tlv']);
    if (typeof opened === 'string') wrong.unshift({ path: at, detail: opened });
    faults.push(...wrong);
    if (typeof opened === 'string') return image;
    signed.push(opened.image);
    return withBytes(image, opened.room);
  });
  return { images: roomy, perUnit: signed.length > 0 ? { images, signed } : null, faults };
}

function openOne(
  { role, image: { segments } }: ReleaseImage,
  section: SignedPerUnit,
  publicKey: PublicKeyFile,
  alsoSigned: boolean,
): { readonly image: PerUnitImage; readonly room: Uint8Array } | string {
  if (!ROLES.has(role)) return `a ${role} is not an image that MCUboot starts`;
  if (alsoSigned) return 'its signature would be replaced: drop one of signature and signedPerUnit';
  const [only, ...others] = segments;
  if (!only || others.length > 0) return 'the image is not in one piece';
  const parts = openToSign(only.data);
  if (typeof parts === 'string') return `the image cannot be signed for a unit: ${parts}`;
  const { tag, size } = section.tlv;
  const message = withProtectedTlv(parts, { type: tag, value: new Uint8Array(size) });
  if (typeof message === 'string') return message;
  const image = { role, section, parts, publicKey };
  const { type, most } = signatureOf(publicKey);
  const room = signedImage(parts, message, keyHash(publicKey), { type, value: new Uint8Array(most) });
  const again = openToSign(room);
  return typeof again === 'string' ? `the image cannot be signed for a unit: ${again}` : { image, room };
}

/** The next image that is not signed for this unit yet; null when all are. Throws `value-missing` or `value-unsuited`. */
export function nextImageToSign(recipe: Recipe, unit: UnitValues, perUnit: PerUnit | null): ToSign | null {
  const next = perUnit?.signed.find(({ role }) => unit.signedImages?.has(role) !== true);
  if (!next) return null;
  const { role, section, publicKey } = next;
  const { key, algorithm } = section.by;
  return { at: role, what: role, key, algorithm, message: messageOf(recipe, unit, next), publicKey };
}

function messageOf(recipe: Recipe, unit: UnitValues, { section, parts }: PerUnitImage): Uint8Array {
  const value = renderFor(templateOf(section), recipe, { ...unit, signatures: new Map() });
  const message = withProtectedTlv(parts, { type: section.tlv.tag, value });
  if (typeof message === 'string') throw new Error(message);
  return message;
}

/**
 * The unit with the image that this signature makes, as MCUboot's own rules find it signed by the key of `signed`. Throws
 * `signing-wrong` where they do not.
 */
export function withSignedImage(
  { signed: images }: PerUnit,
  unit: UnitValues,
  { at, key, message, publicKey }: ToSign,
  signature: Uint8Array,
): UnitValues {
  const found = images.find(({ role }) => role === at);
  if (!found) throw new Error(`no image ${at} is signed for a unit`);
  const value = publicKey.kind === 'ecdsa-p256' ? derOf(signature) : signature;
  const { type } = signatureOf(publicKey);
  const bytes = signedImage(found.parts, message, keyHash(publicKey), { type, value });
  const verified = verifyMcuboot(bytes, [publicKey]);
  if (!('by' in verified)) {
    const detail = `the image does not verify by ${publicKey.file}: ${verified.wrong ?? verified.missing}`;
    throw new FlashlineError('signing-wrong', { params: { key, detail } });
  }
  return { ...unit, signedImages: new Map([...(unit.signedImages ?? []), [found.role, { bytes, by: verified.by }]]) };
}

/** The release's images as this unit is given them. */
export function imagesForUnit({ images }: PerUnit, { signedImages }: UnitValues): ReleaseImage[] {
  return images.map((image) => {
    const own = signedImages?.get(image.role);
    return own ? withBytes(image, own.bytes) : image;
  });
}

function withBytes(image: ReleaseImage, data: Uint8Array): ReleaseImage {
  const address = image.image.segments[0]?.address ?? 0;
  return { ...image, image: { ...image.image, segments: [{ address, data }] } };
}

/** The TLV's value, as fields of a partition are made. */
function templateOf({ tlv: { size, fill, fields } }: SignedPerUnit): Template {
  return { kind: 'template', version: '', address: 0, size, fill, fields };
}

function keyHash(key: PublicKeyFile): Uint8Array {
  return fromHex(sha256(mcubootKeyBytes(key)));
}

function signatureOf({ file, kind }: PublicKeyFile): { readonly type: number; readonly most: number } {
  if (kind === 'ecdsa-p384') throw new Error(`${file} signs no image for a unit`);
  return SIGNATURES[kind];
}
