import { argon2, timingSafeEqual } from 'node:crypto';
import type { RandomBytes } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** Of Argon2id (RFC 9106): `memory` in KiB. */
export interface PasswordCost {
  readonly memory: number;
  readonly passes: number;
}

/** OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane. */
export const PASSWORD_COST: PasswordCost = { memory: 19_456, passes: 2 };

const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Beyond this many that wait their turn, people are asked to come back: about 5 s of work. */
const MAX_WAITING = 50;
/** What a stored hash may demand of us, whoever wrote it. */
const MAX_MEMORY = 1_048_576;
const MAX_PASSES = 16;

export interface Passwords {
  hash(password: string): Promise<string>;
  /** `stored` null stands for nobody: the same work is done, and the answer is no. `outdated`: made at another cost than today's. */
  check(password: string, stored: string | null): Promise<{ readonly right: boolean; readonly outdated: boolean }>;
}

interface Made {
  readonly cost: PasswordCost;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** One hash at a time, so that memory stays bounded however many sign in. Throws `too-many-requests` when too many wait. */
export function createPasswords(random: RandomBytes, cost: PasswordCost = PASSWORD_COST): Passwords {
  const inTurn = oneAtATime(MAX_WAITING);
  const derive = (password: string, salt: Uint8Array, at: PasswordCost) => inTurn(() => argon2id(password, salt, at));
  const nobody: Made = { cost, salt: new Uint8Array(SALT_BYTES), hash: new Uint8Array(HASH_BYTES) };
  return {
    async hash(password) {
      const salt = random(SALT_BYTES);
      return writeHash({ cost, salt, hash: await derive(password, salt, cost) });
    },
    async check(password, stored) {
      const { cost: then, salt, hash } = stored === null ? nobody : readHash(stored);
      const right = timingSafeEqual(await derive(password, salt, then), hash) && stored !== null;
      return { right, outdated: then.memory !== cost.memory || then.passes !== cost.passes };
    },
  };
}

function argon2id(password: string, nonce: Uint8Array, { memory, passes }: PasswordCost): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // NFKC: the same characters however the keyboard put them together (RFC 8265, as far as passwords need it).
    const message = Buffer.from(password.normalize('NFKC'), 'utf8');
    argon2('argon2id', { message, nonce, parallelism: 1, tagLength: HASH_BYTES, memory, passes }, (error, derived) => {
      message.fill(0);
      if (error) reject(error);
      else resolve(derived);
    });
  });
}

/** The PHC string format, as Argon2's reference implementation writes it. */
function writeHash({ cost, salt, hash }: Made): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=1$${text(salt)}$${text(hash)}`;
}

function readHash(stored: string): Made {
  const pattern = /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,4}),p=1\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43})$/;
  const [, memory, passes, salt = '', hash = ''] = pattern.exec(stored) ?? [];
  const cost = { memory: Number(memory), passes: Number(passes) };
  if (!(cost.memory <= MAX_MEMORY && cost.passes <= MAX_PASSES))
    throw new FlashlineError('internal', { cause: 'a stored password hash is of no form that we write' });
  return { cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}

function oneAtATime(maxWaiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    if (waiting >= maxWaiting) throw new FlashlineError('too-many-requests', { params: { seconds: 5 } });
    waiting++;
    const mine = last.then(work).finally(() => {
      waiting--;
    });
    last = mine.catch(() => undefined);
    return mine;
  };
}
