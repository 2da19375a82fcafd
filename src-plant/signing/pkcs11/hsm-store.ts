import type { Clock } from '#shared/base/clock.ts';
import { fromHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { KeyKind } from '#shared/model/signing.ts';
import type { HsmSettings } from '../hsm-settings.ts';
import type { DigestToSign, KeyStore, StoredKey, StoreState } from '../key-store.ts';
import { HsmLink } from './hsm-link.ts';
import type { HsmAnswer, HsmQuestion } from './hsm-messages.ts';

const OPEN_MS = 10_000;
const SIGN_MS = 2000;
/** An RSA key may take a module that long. */
const GENERATE_MS = 25_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** More than a line of gangs asks for at once; whoever comes after these would wait longer than he may. */
const MOST_WAITING = 200;

export interface HsmStoreOptions {
  readonly settings: HsmSettings;
  readonly clock: Clock;
  /** Of the process with the module; another one in tests. */
  readonly script?: URL;
}

interface Loss {
  readonly detail: string;
  /** Monotonic; infinite where it is not tried again by itself. */
  readonly until: number;
  readonly failures: number;
}

/**
 * Keys in a token behind a PKCS #11 library. What goes wrong with library or token ends the process that has them; until the next try,
 * each time later, whoever asks is refused at once. A PIN that was refused is not tried again by itself: tokens lock themselves.
 */
export class HsmStore implements KeyStore {
  readonly kind = 'hsm';
  readonly #options: HsmStoreOptions;
  #link: HsmLink | null = null;
  #loss: Loss | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closed = false;

  constructor(options: HsmStoreOptions) {
    this.#options = options;
  }

  get state(): StoreState {
    return this.#loss === null ? { is: 'there' } : { is: 'gone', detail: this.#loss.detail };
  }

  /** Of the process with the module, while there is one. */
  get pid(): number | undefined {
    return this.#link?.pid;
  }

  async sign({ reference, spki, algorithm, digest }: DigestToSign): Promise<Uint8Array> {
    const answer = await this.#ask(
      { call: 'sign', id: fromHex(reference), spki, algorithm, digest },
      SIGN_MS,
      reference,
    );
    if ('signature' in answer) return answer.signature;
    throw unexpected();
  }

  async find(reference: string): Promise<StoredKey> {
    return this.#key(await this.#ask({ call: 'find', id: fromHex(reference) }, SIGN_MS, reference), reference);
  }

  async generate(kind: KeyKind, reference: string, label: string): Promise<StoredKey> {
    const question = { call: 'generate', id: fromHex(reference), kind, label } as const;
    return this.#key(await this.#ask(question, GENERATE_MS, reference), reference);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#link?.end();
    await this.#turn.catch(() => undefined);
    this.#link?.end();
  }

  #key(answer: HsmAnswer, reference: string): StoredKey {
    if (!('key' in answer)) throw unexpected();
    const { kind, spki, stays } = answer.key;
    if (stays) return { kind, spki };
    throw refused(
      reference,
      'it could be taken out of the token: CKA_SENSITIVE must be true and CKA_EXTRACTABLE false',
    );
  }

  /** One after the other: a module has one session here, and a queue of its own would have no deadline. */
  async #ask(question: HsmQuestion, deadlineMs: number, reference: string): Promise<HsmAnswer> {
    if (this.#waiting >= MOST_WAITING) throw unavailable(`${this.#waiting} signatures wait for the HSM already`);
    this.#waiting += 1;
    const mine = this.#turn.then(() => this.#askNow(question, deadlineMs, reference));
    this.#turn = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #askNow(question: HsmQuestion, deadlineMs: number, reference: string): Promise<HsmAnswer> {
    const link = await this.#opened();
    const answer = await this.#askOf(link, question, deadlineMs);
    if (!('fault' in answer)) {
      this.#loss = null;
      return answer;
    }
    if (answer.fault === 'key') throw refused(reference, answer.detail);
    throw this.#lose(answer.detail);
  }

  async #opened(): Promise<HsmLink> {
    if (this.#closed) throw unavailable('the server is closing');
    if (this.#link !== null) return this.#link;
    const { clock, settings, script = new URL('hsm-process.ts', import.meta.url) } = this.#options;
    const waitMs = (this.#loss?.until ?? 0) - clock.monotonic();
    if (this.#loss !== null && waitMs > 0) throw unavailable(waiting(this.#loss.detail, waitMs));
    const link = new HsmLink(script, clock, settings.environment ?? {});
    this.#link = link;
    const { module, token, pin } = settings;
    const answer = await this.#askOf(link, { call: 'open', module, token, pin }, OPEN_MS);
    if (!('fault' in answer)) return link;
    if (answer.fault === 'pin') throw this.#lose(`the token ${token} does not take the PIN (${answer.detail})`, true);
    throw this.#lose(answer.detail);
  }

  async #askOf(link: HsmLink, question: HsmQuestion, deadlineMs: number): Promise<HsmAnswer> {
    try {
      return await link.ask(question, deadlineMs);
    } catch (thrown) {
      throw this.#lose(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  #lose(detail: string, forGood = false): FlashlineError {
    this.#link?.end();
    this.#link = null;
    const failures = (this.#loss?.failures ?? 0) + 1;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
    const until = forGood ? Number.POSITIVE_INFINITY : this.#options.clock.monotonic() + pauseMs;
    this.#loss = { detail, until, failures };
    return unavailable(waiting(detail, until - this.#options.clock.monotonic()));
  }
}

function waiting(detail: string, ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return `${detail}; it is not tried again before the server is restarted`;
  return `${detail}; tried again in ${Math.ceil(ms / 100) / 10} s`;
}

function unavailable(detail: string): FlashlineError {
  return new FlashlineError('signing-unavailable', { params: { detail } });
}

function refused(key: string, reason: string): FlashlineError {
  return new FlashlineError('signing-refused', { params: { key, reason } });
}

function unexpected(): FlashlineError {
  return new FlashlineError('internal', { cause: 'the HSM’s process answered another question' });
}
