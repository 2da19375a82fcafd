import type { Access } from '#shared/contract/plant/endpoint.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Caller } from './handlers.ts';

/** The one place where the contract's table of who may call what is enforced. Throws `signed-out` or `not-allowed`. */
export function requireAccess(access: Access, caller: Caller): void {
  if (access === 'none') return;
  if (caller.kind === 'nobody') throw new FlashlineError('signed-out');
  if (!isAllowed(access, caller)) throw new FlashlineError('not-allowed', { params: { roles: wordsOf(access) } });
}

function isAllowed(access: Exclude<Access, 'none'>, caller: Exclude<Caller, { kind: 'nobody' }>): boolean {
  if (access === 'station') return caller.kind === 'station';
  if (caller.kind !== 'person') return false;
  return access === 'any' || access.some((role) => caller.roles.includes(role));
}

function wordsOf(access: Exclude<Access, 'none'>): string {
  if (access === 'station') return 'station';
  return access === 'any' ? 'a person' : access.join(', ');
}
