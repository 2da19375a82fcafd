import { FlashlineError } from '#shared/model/failure.ts';
import { DatabaseError } from './database.ts';

/**
 * SQLSTATEs (PostgreSQL manual, appendix A) that say something of the server's state and nothing of the statement:
 * connections (08), resources and disk (53), operator's intervention and deadlines (57), the system (58), a standby
 * that may not write (25006), a lock not had in time (55P03), authentication (28), no such database (3D).
 */
const UNAVAILABLE = /^(08|53|57|58|28|3D|25006|55P03)/;
/** Serialisation failure and deadlock: the whole transaction may simply be tried again. */
const REPEATABLE = new Set(['40001', '40P01']);

/** What a driver threw, as the rest of the server knows it. */
export function sqlError(thrown: unknown): Error {
  if (thrown instanceof DatabaseError || thrown instanceof FlashlineError) return thrown;
  if (!(thrown instanceof Error)) return new FlashlineError('plant-database', { cause: thrown });
  const code = sqlState(thrown);
  if (code !== null && !UNAVAILABLE.test(code)) {
    const constraint = 'constraint' in thrown && typeof thrown.constraint === 'string' ? thrown.constraint : null;
    return new DatabaseError(thrown.message, code, constraint, thrown);
  }
  // A mistake of ours, which no waiting mends.
  if (thrown instanceof TypeError || thrown instanceof RangeError) return thrown;
  return new FlashlineError('plant-database', { cause: thrown });
}

/** Five characters; Node's own errors have codes of another form (`ECONNREFUSED`). */
function sqlState(thrown: Error): string | null {
  return 'code' in thrown && typeof thrown.code === 'string' && /^[0-9A-Z]{5}$/.test(thrown.code) ? thrown.code : null;
}

export function isRepeatable(error: unknown): boolean {
  return error instanceof DatabaseError && REPEATABLE.has(error.code);
}

/** Whether a connection that failed so must not be used again. */
export function isLost(error: unknown): boolean {
  return error instanceof FlashlineError && error.failure.code === 'plant-database';
}
