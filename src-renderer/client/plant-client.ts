import type { AnswerOf, CallOf, Endpoint } from '#shared/contract/plant/endpoint.ts';
import { plantEndpoints, type PlantCall, type PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { PlantRefusal } from '#shared/contract/plant/common.ts';
import { FlashlineError, type Failure } from '#shared/model/failure.ts';

/** How long an answer may take, in milliseconds; an upload of the largest release over a slow line is within it. */
const DEADLINE_MS = 60_000;

export type GivenTo<K extends PlantCall> = CallOf<PlantEndpoints[K]>;
export type Answer<K extends PlantCall> = AnswerOf<PlantEndpoints[K]>;

/** A call that did not come to its answer, in the words of the failure table. */
export class PlantCallFailed extends Error {
  override readonly name = 'PlantCallFailed';
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

export interface PlantClient {
  /** Throws PlantCallFailed; an abort by `signal` throws the signal's reason. */
  call<K extends PlantCall>(name: K, given?: GivenTo<K>, signal?: AbortSignal): Promise<Answer<K>>;
}

/** Calls of the plant server that these pages came from. The session is a cookie, which the browser keeps to itself. */
export function createPlantClient(fetch: typeof globalThis.fetch, origin: string): PlantClient {
  return {
    async call(name, given = {}, signal) {
      const endpoint: Endpoint = plantEndpoints[name];
      const url = new URL(pathOf(endpoint, given.params), origin);
      for (const [key, value] of membersOf(given.query)) url.searchParams.set(key, String(value));
      const deadline = AbortSignal.timeout(DEADLINE_MS);
      const response = await fetch(url, {
        method: endpoint.method,
        credentials: 'same-origin',
        cache: 'no-store',
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
        ...bodyOf(endpoint, given.body),
      }).catch((thrown: unknown) => {
        signal?.throwIfAborted();
        throw unreachable(origin, thrown);
      });
      const text = await response.text().catch((thrown: unknown) => {
        signal?.throwIfAborted();
        throw unreachable(origin, thrown);
      });
      if (!response.ok) throw refusal(response.status, text, origin);
      return answerOf(endpoint, text) as Answer<typeof name>;
    },
  };
}

function pathOf({ path }: Endpoint, params: unknown): string {
  return membersOf(params).reduce(
    (built, [key, value]) => built.replace(`:${key}`, encodeURIComponent(String(value))),
    path,
  );
}

/** Of an object; those without a value are left out. */
function membersOf(given: unknown): [string, unknown][] {
  if (typeof given !== 'object' || given === null) return [];
  return Object.entries(given).filter(([, value]) => value !== undefined);
}

function bodyOf(endpoint: Endpoint, body: unknown): RequestInit {
  if (endpoint.bytes === 'body' && body instanceof Uint8Array)
    return { body: new Blob([body.slice()]), headers: { 'content-type': 'application/octet-stream' } };
  if (body === undefined) return {};
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

function answerOf(endpoint: Endpoint, text: string): unknown {
  const parsed = endpoint.answer.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw misunderstood(`${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
}

/** What another server in between says (a proxy without its plant) is as good as no answer. */
function refusal(status: number, text: string, origin: string): PlantCallFailed {
  const parsed = PlantRefusal.safeParse(parseJson(text));
  if (parsed.success) return new PlantCallFailed(parsed.data.failure);
  if (status >= 502 && status <= 504) return unreachable(origin, `HTTP ${status}`);
  return misunderstood(`HTTP ${status}`);
}

function unreachable(url: string, cause: unknown): PlantCallFailed {
  return new PlantCallFailed(new FlashlineError('plant-unreachable', { params: { url }, cause }).failure);
}

function misunderstood(detail: string): PlantCallFailed {
  return new PlantCallFailed(new FlashlineError('plant-protocol', { params: { detail } }).failure);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
