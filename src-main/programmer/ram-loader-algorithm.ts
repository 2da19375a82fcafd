import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fromHex } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';

const Address = z.number().int().min(0).max(0xffff_ffff);

/** A build of resources/flash-algorithms (scripts/build-firmware.js): code for a fixed place in the chip's RAM. */
const AlgorithmFile = z.object({
  schema: z.literal(2),
  /** The chip description's `controller.kind` that it drives. */
  controller: z.string(),
  load: Address,
  /** Where a call begins and where it has ended, without the Thumb bit. */
  entry: Address,
  done: Address,
  /** The mailbox (ram-loader-mailbox.ts); from here to the end of RAM is its data. */
  mailbox: Address,
  /** It has the command that the chip description's massErase speaks of. */
  erasesAll: z.boolean(),
  code: z.string().regex(/^(?:[0-9a-f]{2})+$/),
  sha256: z.string(),
  compiler: z.string(),
});

export type FlashAlgorithm = Omit<z.infer<typeof AlgorithmFile>, 'code'> & { readonly code: Uint8Array };

/** Checks a parsed `.json` build; throws `file-unreadable` when it is none, or its code is not what was built. */
export function readFlashAlgorithm(json: unknown, file: string): FlashAlgorithm {
  const parsed = AlgorithmFile.safeParse(json);
  if (!parsed.success) throw new FlashlineError('file-unreadable', { params: { file }, cause: parsed.error });
  const code = fromHex(parsed.data.code);
  if (sha256Hex(code) === parsed.data.sha256) return { ...parsed.data, code };
  throw new FlashlineError('file-unreadable', { params: { file }, cause: 'the code is not what its SHA-256 says' });
}

/** The build for a flash controller from `folder` (resources/flash-algorithms); rejects with `file-missing` too. */
export async function loadFlashAlgorithm(folder: string, controller: string): Promise<FlashAlgorithm> {
  const found = await findFlashAlgorithm(folder, controller);
  if (found) return found;
  const file = fileOf(folder, controller);
  throw new FlashlineError('file-missing', { params: { file }, cause: `no flash algorithm for ${controller}` });
}

/** As `loadFlashAlgorithm`, but undefined where the folder has none for this controller. */
export async function findFlashAlgorithm(folder: string, controller: string): Promise<FlashAlgorithm | undefined> {
  const file = fileOf(folder, controller);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new FlashlineError('file-unreadable', { params: { file }, cause: error });
  }
  return readFlashAlgorithm(parseJson(text, file), file);
}

function fileOf(folder: string, controller: string): string {
  return join(folder, controller, `${controller}.json`);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FlashlineError('file-unreadable', { params: { file }, cause });
  }
}
