import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';

/** Behind which unit a page begins. It holds keys only: what may be seen is decided anew with every page. */
const Cursor = z.tuple([z.string().max(128), z.string().max(128)]);

export interface UnitKey {
  readonly serial: string;
  readonly product: string;
}

export function cursorOf({ serial, product }: UnitKey): string {
  return Buffer.from(JSON.stringify([serial, product])).toString('base64url');
}

/** Throws `bad-request` for what no page ended with. */
export function readCursor(cursor: string | undefined): UnitKey | null {
  if (cursor === undefined) return null;
  const parsed = Cursor.safeParse(jsonOf(Buffer.from(cursor, 'base64url').toString('utf8')));
  // PostgreSQL's text has no zero bytes.
  if (!parsed.success || parsed.data.some((part) => part.includes('\0')))
    throw new FlashlineError('bad-request', { params: { detail: '`before` is not the `next` of an earlier page' } });
  const [serial, product] = parsed.data;
  return { serial, product };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not an error of ours: the caller refuses it in words.
    return undefined;
  }
}
