import Sqlite from 'better-sqlite3';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';

/** SQLite's primary result codes (sqlite.org/rescode.html) that mean a broken file, not a full or locked one. */
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|ERROR|MISMATCH|FORMAT|IOERR_SHORT_READ|IOERR_CORRUPTFS)/;

/** The file is broken, or holds what we never wrote. */
export function isDamage(thrown: unknown): boolean {
  if (thrown instanceof Sqlite.SqliteError) return DAMAGED.test(thrown.code);
  return thrown instanceof SyntaxError || thrown instanceof z.ZodError;
}

/** Another process writes. */
export function isBusy(thrown: unknown): boolean {
  return thrown instanceof Sqlite.SqliteError && thrown.code.startsWith('SQLITE_BUSY');
}

/** No room: SQLite says FULL, the system ENOSPC or EDQUOT; an index of the write-ahead log that cannot grow is an I/O error. */
function isFull(thrown: Error): boolean {
  const code = 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' && /^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)$/.test(code);
}

/** SQLite's errors, and rows that are not what we wrote, as ours; anything else (a broken rule of our own) is passed on. */
export function asLogFailure(thrown: unknown, file: string): unknown {
  if (thrown instanceof SyntaxError || thrown instanceof z.ZodError)
    return new FlashlineError('log-damaged', { params: { file, detail: 'a row cannot be read' }, cause: thrown });
  if (thrown instanceof Error && isFull(thrown))
    return new FlashlineError('log-full', { params: { file }, cause: thrown });
  if (thrown instanceof Sqlite.SqliteError) {
    if (thrown.code.startsWith('SQLITE_CONSTRAINT')) return thrown;
    if (!DAMAGED.test(thrown.code)) return new FlashlineError('log-unwritable', { params: { file }, cause: thrown });
    return new FlashlineError('log-damaged', { params: { file, detail: thrown.message }, cause: thrown });
  }
  if (thrown instanceof Error && 'code' in thrown && 'syscall' in thrown)
    return new FlashlineError('log-unwritable', { params: { file }, cause: thrown });
  // better-sqlite3 checks the folder itself, before SQLite is asked.
  if (thrown instanceof TypeError && /directory does not exist/.test(thrown.message))
    return new FlashlineError('log-unwritable', { params: { file }, cause: thrown });
  return thrown;
}
