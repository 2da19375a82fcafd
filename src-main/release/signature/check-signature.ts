import { FlashlineError, type Where } from '#shared/model/failure.ts';
import type { ImageSigner, RecipeSignature } from '#shared/model/signature.ts';
import type { Image } from '../../image/image.ts';
import { readPublicKey } from './public-key.ts';
import { type Verified, verifyDetached, verifyEsp, verifyMcuboot } from './verify.ts';

export interface SignedImage {
  /** As the recipe names it. */
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly image: Image;
}

/**
 * Who signed an image, by the keys that the recipe names. `read` gives a file of the release. Throws `signature-missing` or
 * `signature-wrong`.
 */
export function checkSignature(
  signed: SignedImage,
  wanted: RecipeSignature,
  read: (file: string) => Uint8Array,
  where: Where,
): ImageSigner {
  const fail = (code: 'signature-missing' | 'signature-wrong', detail: string) =>
    new FlashlineError(code, { where, params: { file: signed.file, detail } });
  const keys = [];
  for (const file of wanted.keys) {
    const key = readPublicKey(file, read(file));
    if (typeof key === 'string') throw fail('signature-wrong', `${file} ${key}`);
    keys.push(key);
  }
  const verified: Verified =
    wanted.kind === 'detached'
      ? verifyDetached(signed.bytes, read(wanted.file), keys)
      : wanted.kind === 'mcuboot'
        ? verifyMcuboot(firstBytes(signed.image), keys, wanted.minimumCounter)
        : verifyEsp(firstBytes(signed.image), keys);
  if ('by' in verified) return verified.by;
  if (verified.missing !== undefined) throw fail('signature-missing', verified.missing);
  throw fail('signature-wrong', verified.wrong);
}

/** Where a boot loader looks: from the image's lowest address on. */
function firstBytes({ segments }: Image): Uint8Array {
  return segments[0]?.data ?? new Uint8Array();
}
