import { z } from 'zod';
import { FlashlineError } from '../model/failure.ts';
import { canonicalJson } from '../model/record-chain.ts';
import { packageInvalid } from './zip-files.ts';

/** A pack's list of its parts, in canonical JSON (record-chain.ts): what is signed, so that one text has one meaning. */
export const MANIFEST_FILE = 'manifest.json';
/** The signature over the manifest's bytes; missing in a pack that nobody signed. */
export const SIGNATURE_FILE = 'manifest.jws';
export const RECIPE_FILE = 'recipe.yaml';

const RESERVED: ReadonlySet<string> = new Set([MANIFEST_FILE, SIGNATURE_FILE]);
const SCHEMA = 1;
export const MAX_MANIFEST_BYTES = 64 * 1024;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const Part = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(255)
    .refine((path) => !RESERVED.has(path), 'must not be the manifest itself'),
  size: z.number().int().min(0),
  sha256: Sha256,
});
export type ManifestPart = z.infer<typeof Part>;

export const Manifest = z.strictObject({
  format: z.literal('flashline-flashpack'),
  schema: z.literal(SCHEMA),
  product: z.strictObject({ id: z.string(), revision: z.string() }),
  /** The release's digest (release-digest.ts), by which records name it. */
  release: Sha256,
  /** recipe.yaml and each image's file, every one once. */
  parts: z.array(Part).min(1).max(64),
});
export type Manifest = z.infer<typeof Manifest>;

export function manifestBytes(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(canonicalJson(manifest));
}

/** Throws `package-invalid`, or `release-newer` for a manifest that only a newer version understands. */
export function readManifest(name: string, bytes: Uint8Array): Manifest {
  const { text, value } = decode(name, bytes);
  const newer = z.looseObject({ format: Manifest.shape.format, schema: z.number().int().gt(SCHEMA) }).safeParse(value);
  if (newer.success) {
    const params = { file: name, what: MANIFEST_FILE, schema: newer.data.schema, known: SCHEMA };
    throw new FlashlineError('release-newer', { where: { file: name }, params });
  }
  const parsed = Manifest.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw packageInvalid(
      name,
      `its ${MANIFEST_FILE} is no manifest: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    );
  }
  // A key that stands there twice, or white space: two readers could take it for two manifests.
  if (canonicalJson(parsed.data) !== text) throw packageInvalid(name, `its ${MANIFEST_FILE} is not canonical JSON`);
  const paths = parsed.data.parts.map(({ path }) => path);
  const twice = paths.find((path, index) => paths.indexOf(path) < index);
  if (twice !== undefined) throw packageInvalid(name, `its ${MANIFEST_FILE} names ${twice} twice`);
  return parsed.data;
}

function decode(name: string, bytes: Uint8Array): { readonly text: string; readonly value: unknown } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch (cause) {
    throw packageInvalid(name, `its ${MANIFEST_FILE} is not JSON`, cause);
  }
}

/** Each file of the pack a part, each part a file, and those that the recipe names. Throws `package-invalid`. */
export function checkParts(
  name: string,
  { parts }: Manifest,
  { files, wanted }: { readonly files: readonly string[]; readonly wanted: ReadonlySet<string> },
): void {
  const named = new Set(parts.map(({ path }) => path));
  const extra = files.find((path) => !named.has(path) && !RESERVED.has(path));
  if (extra !== undefined) throw packageInvalid(name, `it has ${extra}, which its ${MANIFEST_FILE} does not name`);
  const missing = parts.find(({ path }) => !files.includes(path));
  if (missing) throw packageInvalid(name, `it has no ${missing.path}, which its ${MANIFEST_FILE} names`);
  const unnamed = [...wanted].find((path) => !named.has(path));
  if (unnamed !== undefined) throw packageInvalid(name, `its ${MANIFEST_FILE} does not name ${unnamed}`);
  const unwanted = parts.find(({ path }) => !wanted.has(path));
  if (unwanted)
    throw packageInvalid(name, `its ${MANIFEST_FILE} names ${unwanted.path}, which the recipe does not use`);
}
