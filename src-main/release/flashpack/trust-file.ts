import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { RandomBytes } from '#shared/base/clock.ts';
import { toHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { NOT_SET_UP, TrustList } from './trust-list.ts';

/** NOT_SET_UP where there is no file. Throws `trust-unreadable`: a damaged list is not taken for an empty one. */
export function readTrust(file: string): TrustList {
  try {
    return TrustList.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return NOT_SET_UP;
    const damaged = thrown instanceof SyntaxError || thrown instanceof z.ZodError;
    throw unavailable(file, damaged ? 'it is no list of release keys' : String(thrown));
  }
}

/** There whole or not at all; NOT_SET_UP is no file. Throws `trust-unreadable`. */
export function writeTrust(file: string, list: TrustList, random: RandomBytes): void {
  if (list === NOT_SET_UP) return removeTrust(file);
  const draft = `${file}.${toHex(random(8))}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${JSON.stringify(TrustList.parse(list), null, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    renameSync(draft, file);
  } catch (thrown) {
    throw unavailable(file, String(thrown));
  } finally {
    rmSync(draft, { force: true });
  }
}

function removeTrust(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (thrown) {
    throw unavailable(file, String(thrown));
  }
}

function unavailable(file: string, detail: string): FlashlineError<'trust-unreadable'> {
  return new FlashlineError('trust-unreadable', { where: { file }, params: { file, detail } });
}
