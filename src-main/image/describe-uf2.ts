import { toHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { describeImage, type ImageDescription } from './describe-image.ts';
import { has, type Uf2Block, Uf2Flag, type Uf2Tag } from './uf2-block.ts';
import { uf2FamilyName } from './uf2-families.ts';
import { readUf2Groups, segmentsOf, type Uf2Group } from './uf2.ts';

interface FamilyDescription {
  /** By name where it has one, with its number; null for blocks without a family id. */
  readonly family: string | null;
  readonly blocks: number;
  /** Blocks that are not for the main flash. */
  readonly skipped: number;
  readonly tags: readonly { readonly name: string; readonly value: string }[];
  /** Of file containers. */
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** What is wrong with these blocks, so that there are no segments. */
  readonly problem: string | null;
  readonly segments: ImageDescription['segments'];
}

/** What `flashline inspect` shows of a UF2 file. */
export interface Uf2Description {
  readonly format: 'uf2';
  readonly blocks: number;
  readonly families: readonly FamilyDescription[];
}

/** Throws `image-syntax` for what is no UF2 file; what is wrong with one family's blocks stands beside it. */
export function describeUf2(file: string, bytes: Uint8Array): Uf2Description {
  const groups = readUf2Groups(file, bytes);
  const families = groups.map((group) => describeGroup(file, group));
  return { format: 'uf2', blocks: families.reduce((sum, { blocks }) => sum + blocks, 0), families };
}

function describeGroup(file: string, group: Uf2Group): FamilyDescription {
  const { family, blocks } = group;
  const isFile = ({ flags }: Uf2Block) => has(flags, Uf2Flag.fileContainer);
  const files = new Map(blocks.filter(isFile).map((block) => [block.file?.name ?? '', block.file?.size ?? 0]));
  const tags = new Map(
    blocks.flatMap((block) => block.tags.map(describeTag)).map((tag) => [`${tag.name}=${tag.value}`, tag]),
  );
  return {
    family: family === undefined ? null : uf2FamilyName(family),
    blocks: blocks.length,
    skipped: blocks.filter((block) => !isFile(block) && has(block.flags, Uf2Flag.notMainFlash)).length,
    tags: [...tags.values()],
    files: [...files].map(([name, size]) => ({ name, size })),
    ...segmentsOrProblem(file, group),
  };
}

function segmentsOrProblem(file: string, group: Uf2Group): Pick<FamilyDescription, 'problem' | 'segments'> {
  try {
    return { problem: null, segments: describeImage({ format: 'uf2', segments: segmentsOf(file, group) }).segments };
  } catch (error) {
    if (!(error instanceof FlashlineError)) throw error;
    const { code, params, where } = error.failure;
    const at = where.offset === undefined ? '' : ` at offset ${where.offset}`;
    return { problem: `${code}${at}: ${Object.values(params).join(', ')}`, segments: [] };
  }
}

/** UF2, "Extension tags". */
const TEXTS: ReadonlyMap<number, string> = new Map([
  [0x9fc7bc, 'version'],
  [0x650d9d, 'device'],
]);
const NUMBERS: ReadonlyMap<number, string> = new Map([
  [0x0be9f7, 'page size'],
  [0xb46db0, 'sha2'],
  [0xc8a729, 'device type'],
]);

function describeTag({ type, value }: Uf2Tag): { name: string; value: string } {
  const text = TEXTS.get(type);
  if (text !== undefined) return { name: text, value: new TextDecoder().decode(value) };
  return { name: NUMBERS.get(type) ?? `tag ${type.toString(16).padStart(6, '0')}`, value: toHex(value) };
}
