import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import type { Clock } from '#shared/base/clock.ts';
import { PlantRefusal } from '#shared/contract/plant/common.ts';
import type { AnswerOf, CallOf, Endpoint } from '#shared/contract/plant/endpoint.ts';
import { plantEndpoints, type PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { asError, FlashlineError } from '#shared/model/failure.ts';
import { readLimited } from './read-limited.ts';
import { type PlantPool, transportFailure } from './plant-transport.ts';

/** What a station asks, `plant.about` included. */
export type StationCall = Extract<keyof PlantEndpoints, `station.${string}` | 'plant.about'>;

export interface CallOptions {
  readonly signal: AbortSignal;
  /** For the whole call; CALL_MS when left out. */
  readonly deadlineMs?: number;
  /** Bytes of the answer; ANSWER_BYTES when left out. */
  readonly maxBytes?: number;
  readonly token?: string;
}

export interface PlantClientOptions {
  readonly origin: string;
  readonly pool: PlantPool;
  readonly clock: Clock;
}

/** A call's parts, whichever call it is. */
interface AnyCall {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

export const CALL_MS = 30_000;
export const ANSWER_BYTES = 32 * 1024 * 1024;
/** Smaller ones fit into a packet or two as they are. */
const WORTH_PACKING = 1400;

const pack = promisify(gzip);

/**
 * The plant's interface, typed by its contract. Rejects with the plant's own failure when it refuses, with `plant-unreachable`
 * when it does not answer in time, `plant-untrusted` when it is not proven to be the plant, and `plant-protocol` when its
 * answer is none of the contract's.
 */
export class PlantClient {
  readonly #options: PlantClientOptions;

  constructor(options: PlantClientOptions) {
    this.#options = options;
  }

  async call<C extends StationCall>(
    name: C,
    request: CallOf<PlantEndpoints[C]>,
    options: CallOptions,
  ): Promise<AnswerOf<PlantEndpoints[C]>> {
    const endpoint: Endpoint = plantEndpoints[name];
    const bytes = await this.#within(options, async (signal) => {
      const response = await this.#send(endpoint, request, { ...options, signal });
      const answer = await readLimited(response.body, options.maxBytes ?? ANSWER_BYTES);
      if (response.statusCode < 200 || response.statusCode > 299)
        throw refusalOf(response, answer, this.#options.origin);
      return answer;
    });
    // What the schema has read is what the contract says of this call.
    return (endpoint.bytes === 'answer' ? bytes : readAnswer(name, endpoint.answer, bytes)) as AnswerOf<
      PlantEndpoints[C]
    >;
  }

  async close(): Promise<void> {
    await this.#options.pool.destroy();
  }

  async #send(
    endpoint: Endpoint,
    { params, query, body }: AnyCall,
    { signal, token }: CallOptions,
  ): Promise<Dispatcher.ResponseData> {
    const sent = endpoint.method === 'POST' ? await bodyOf(body ?? {}) : null;
    return this.#options.pool.request({
      method: endpoint.method,
      path: pathOf(endpoint.path, stringsOf(params), stringsOf(query)),
      headers: {
        accept: endpoint.bytes === 'answer' ? 'application/octet-stream' : 'application/json',
        ...sent?.headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: sent?.bytes ?? null,
      signal,
    });
  }

  /** With a deadline of our own: nobody waits for ever, whatever the network does. */
  async #within<T>(
    { signal, deadlineMs = CALL_MS }: CallOptions,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, origin } = this.#options;
    signal.throwIfAborted();
    const done = new AbortController();
    const late = new AbortController();
    const timer = clock.sleep(deadlineMs, done.signal).then(
      () => late.abort(new Error(`no answer within ${deadlineMs} ms`)),
      () => undefined,
    );
    try {
      return await work(AbortSignal.any([signal, late.signal]));
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw transportFailure(origin, late.signal.aborted ? late.signal.reason : thrown);
    } finally {
      done.abort();
      await timer;
    }
  }
}

async function bodyOf(body: unknown): Promise<{ headers: Record<string, string>; bytes: Uint8Array }> {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = { 'content-type': 'application/json' };
  if (bytes.length < WORTH_PACKING) return { headers, bytes };
  return { headers: { ...headers, 'content-encoding': 'gzip' }, bytes: await pack(bytes) };
}

function pathOf(
  path: string,
  params: Readonly<Record<string, string>>,
  query: Readonly<Record<string, string>>,
): string {
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const search = new URLSearchParams(query).toString();
  return search === '' ? filled : `${filled}?${search}`;
}

function stringsOf(values: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, String(value)]));
}

function readAnswer(name: string, schema: z.ZodType, bytes: Uint8Array): unknown {
  const json = jsonOf(bytes);
  const read = schema.safeParse(json);
  if (json !== undefined && read.success) return read.data;
  const issue = read.error?.issues[0];
  const detail = json === undefined ? 'no JSON' : `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`;
  throw new FlashlineError('plant-protocol', { params: { detail: `${name}: ${detail}` } });
}

/** Undefined for what is no JSON. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

/** In the way of a plant's server stand others, whose refusals have no failure in them. */
function refusalOf({ statusCode, headers }: Dispatcher.ResponseData, bytes: Uint8Array, url: string): FlashlineError {
  const refusal = PlantRefusal.safeParse(jsonOf(bytes)).data;
  if (refusal !== undefined) return asError(refusal.failure);
  const cause = `HTTP ${statusCode}`;
  if (statusCode === 413) return new FlashlineError('too-large', { params: { limit: 'unknown' }, cause });
  if (statusCode === 429) {
    const seconds = Number(headers['retry-after']) || 1;
    return new FlashlineError('too-many-requests', { params: { seconds }, cause });
  }
  if (statusCode === 408 || statusCode >= 500)
    return new FlashlineError('plant-unreachable', { params: { url }, cause });
  return new FlashlineError('plant-protocol', { params: { detail: `an answer that is not a plant’s: ${cause}` } });
}
