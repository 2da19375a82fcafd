import { randomBytes } from 'node:crypto';
import {
  plantKeyPart,
  readEnrolmentCode,
  tlsKeyPart,
  writeEnrolmentCode,
} from '#shared/contract/plant/enrolment-code.ts';
import { canonicalText } from './canonical.ts';
import { provenPayload, sha256, TestKey } from './statements.ts';

/** A refusal: code, HTTP status, the sentence's values. */
export class Refused extends Error {
  readonly code: string;
  readonly status: number;
  readonly params: Record<string, string>;
  constructor(code: string, status: number, params: Record<string, string> = {}) {
    super(code);
    this.code = code;
    this.status = status;
    this.params = params;
  }
}

type Json = Record<string, unknown>;
interface Place {
  readonly sequence: number;
  readonly hash: string;
  /** Canonical JSON; null for a link. */
  readonly body: string | null;
}
interface Lease {
  readonly lease: string;
  readonly station: string;
  readonly key: string;
  readonly pool: string;
  readonly first: number;
  readonly last: number;
  next: number;
  over: boolean;
  readonly jws: string;
}

export const TYP = {
  head: 'flashline-chain-head+jwt',
  challenge: 'flashline-challenge+jwt',
  document: 'flashline-station-document+jwt',
  lease: 'flashline-number-lease+jwt',
};
const ZERO = '0'.repeat(64);
const DAY_MS = 86_400_000;

/**
 * What the contract says a plant does, as plainly as can be: everything in memory, nothing shared with the real one. Tests
 * change its members to make it lie.
 */
export class FakePlant {
  key = new TestKey();
  /** Signs documents and leases; another key than `key` makes forgeries. */
  signsWith = this.key;
  now: () => number = () => Date.parse('2026-03-01T08:00:00Z');
  leaseMs = 3 * DAY_MS;
  numbersMs = 30 * DAY_MS;
  /** Records that it takes at once. */
  mostItems = 1000;
  readonly chains = new Map<string, Place[]>();
  readonly stations = new Map<string, { x: string; revoked: boolean }>();
  readonly reports: Json[] = [];
  readonly leases: Lease[] = [];
  readonly packages = new Map<string, Uint8Array>();
  /** What documents say beside who, when and until when. */
  catalog: { releases: Json[]; withdrawn: string[]; orders: Json[]; pools: Json[]; users: Json[] } = {
    releases: [],
    withdrawn: [],
    orders: [],
    pools: [],
    users: [],
  };
  /** Answers of `station.admission`. */
  admission: (asked: Json) => Json = () => ({ passed: null, route: null });
  /** Instead of a document that is made now. */
  replayed: string | null = null;
  lastDocument = '';
  serial = 0;
  returns: Json[] = [];
  readonly #codes = new Map<string, string>();
  readonly #sessions = new Map<string, string>();
  readonly #challenges = new Set<string>();
  #poolNext = 1;

  invite(station: string, tlsSpki: Uint8Array | null = null): string {
    const secret = new Uint8Array(randomBytes(10));
    this.#codes.set(sha256(secret), station);
    const tlsKey = tlsSpki === null ? null : tlsKeyPart(tlsSpki);
    return writeEnrolmentCode({ secret, plantKey: plantKeyPart(this.key.publicKey), tlsKey });
  }

  endSessions(): void {
    this.#sessions.clear();
  }

  /** Without its leading `/api/v1`. Throws Refused. */
  answer(method: string, path: string, body: Json, token: string | null): Json | Uint8Array {
    const open = `${method} ${path}`;
    if (open === 'GET /plant') return { name: 'Ulm', publicKey: this.key.publicKey, version: '0', oidc: null };
    if (open === 'POST /station/enrol') return this.#enrol(body);
    if (open === 'POST /station/challenge') return this.#challenge();
    if (open === 'POST /station/session') return this.#session(body);
    const station = this.#sessions.get(token ?? '');
    if (station === undefined) throw new Refused('signed-out', 401);
    if (this.stations.get(station)?.revoked) throw new Refused('station-revoked', 403, { station });
    return this.#stationAnswer(open, body, station);
  }

  #stationAnswer(open: string, body: Json, station: string): Json | Uint8Array {
    if (open === 'POST /station/report') return this.#report(body, station);
    if (open === 'POST /station/records') return this.#records(body, station);
    if (open === 'POST /station/leases') return this.#lease(body, station);
    if (open === 'POST /station/admission') return this.admission(body);
    const [, head] = /^GET \/station\/chains\/(\w+)\/head$/.exec(open) ?? [];
    if (head !== undefined) return this.#place(station, head);
    const [, chain = '', after, limit] =
      /^GET \/station\/chains\/(\w+)\/records\?after=(\d+)&limit=(\d+)$/.exec(open) ?? [];
    if (after !== undefined) return this.#own(station, chain, { after: Number(after), limit: Number(limit) });
    const [, returned] = /^POST \/station\/leases\/(\w+)\/return$/.exec(open) ?? [];
    if (returned !== undefined) return this.#return(returned, body);
    const [, digest] = /^GET \/station\/releases\/(\w+)\/package$/.exec(open) ?? [];
    const bytes = this.packages.get(digest ?? '');
    if (bytes === undefined) throw new Refused('not-found', 404, { what: open });
    return bytes;
  }

  #enrol({ code, publicKey }: Json): Json {
    const { secret } = readEnrolmentCode(String(code));
    const station = this.#codes.get(sha256(secret));
    if (station === undefined) throw new Refused('enrolment-refused', 403, { detail: 'unknown' });
    this.#codes.delete(sha256(secret));
    this.stations.set(station, { x: String((publicKey as Json)['x']), revoked: false });
    return { station, plant: { name: 'Ulm', publicKey: this.key.publicKey } };
  }

  #challenge(): Json {
    const challenge = randomBytes(16).toString('hex');
    this.#challenges.add(challenge);
    return { challenge };
  }

  #session({ answer }: Json): Json {
    const text = String(answer);
    const said = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()) as Json;
    const name = String(said['station']);
    const known = this.stations.get(name);
    const fresh = this.#challenges.delete(String(said['challenge']));
    if (!known || !fresh || provenPayload(text, TYP.challenge, known.x) === null) throw new Refused('signed-out', 401);
    if (known.revoked) throw new Refused('station-revoked', 403, { station: name });
    const token = randomBytes(32).toString('base64url');
    this.#sessions.set(token, name);
    return { token, expiresInMs: 3_600_000 };
  }

  #report(body: Json, station: string): Json {
    this.reports.push(body);
    const now = this.now();
    this.serial = Math.max(this.serial + 1, now);
    const document = {
      station,
      serial: this.serial,
      issuedAt: new Date(now).toISOString(),
      leaseUntil: new Date(now + this.leaseMs).toISOString(),
      ...this.catalog,
    };
    this.lastDocument = this.signsWith.statement(document, TYP.document);
    return { now: document.issuedAt, document: this.replayed ?? this.lastDocument };
  }

  #place(station: string, chain: string): Json {
    const last = this.chains.get(`${station} ${chain}`)?.at(-1);
    return { sequence: last?.sequence ?? 0, hash: last?.hash ?? ZERO };
  }

  #own(station: string, chain: string, { after, limit }: { after: number; limit: number }): Json {
    const kept = this.chains.get(`${station} ${chain}`) ?? [];
    const items = kept.slice(after, after + limit).map(({ sequence, hash, body }) => {
      const link = { sequence, hash, previousHash: kept[sequence - 2]?.hash ?? ZERO };
      return body === null ? { link } : { record: JSON.parse(body) as Json };
    });
    const end = after + items.length;
    return { items, next: items.length > 0 && end < kept.length ? end : null };
  }

  #records({ chain, head, items }: Json, station: string): Json {
    const given = (items as Json[]).map((item) => placeOf(item));
    if (given.length > this.mostItems) throw new Refused('too-large', 413, { limit: String(this.mostItems) });
    const name = `${station} ${String(chain)}`;
    const kept = [...(this.chains.get(name) ?? [])];
    if ((given[0]?.sequence ?? 0) > kept.length + 1)
      throw new Refused('chain-gap', 409, { expected: String(kept.length + 1) });
    for (const place of given) {
      const before = kept[place.sequence - 2]?.hash ?? ZERO;
      if (place.previous !== before) throw broken(place.sequence, 'follows another');
      const same = kept[place.sequence - 1];
      if (same !== undefined && same.hash !== place.hash) throw broken(place.sequence, 'forked');
      kept[place.sequence - 1] ??= place;
    }
    const signed = provenPayload(String(head), TYP.head, this.stations.get(station)?.x ?? '');
    if (signed?.['chain'] !== chain || kept[Number(signed?.['sequence']) - 1]?.hash !== signed?.['hash'])
      throw broken(0, 'head');
    const accepted = kept.length - (this.chains.get(name)?.length ?? 0);
    this.chains.set(name, kept);
    return { ...this.#place(station, String(chain)), accepted, repeated: given.length - accepted };
  }

  #lease({ pool, key }: Json, station: string): Json {
    const earlier = this.leases.find((each) => each.station === station && each.key === key && each.pool === pool);
    if (earlier) return { lease: earlier.jws };
    const block = Number(this.catalog.pools.find(({ id }) => id === pool)?.['block']);
    const first = this.#poolNext;
    this.#poolNext += block;
    const terms = {
      lease: randomBytes(8).toString('hex'),
      station,
      pool: String(pool),
      first,
      last: first + block - 1,
    };
    const until = new Date(this.now() + this.numbersMs).toISOString();
    const issuedAt = new Date(this.now()).toISOString();
    const body = { ...terms, kind: 'serial', prefix: 'HB', digits: 6, issuedAt, until };
    const jws = this.signsWith.statement(body, TYP.lease);
    this.leases.push({ ...terms, key: String(key), next: first, over: false, jws });
    return { lease: jws };
  }

  #return(id: string, { next, over }: Json): Json {
    this.returns.push({ id, next, over });
    const lease = this.leases.find((each) => each.lease === id);
    if (!lease) throw new Refused('not-found', 404, { what: id });
    if (lease.over && Number(next) > lease.next) throw new Refused('state-conflict', 409, { detail: 'given back' });
    lease.next = Math.max(lease.next, Number(next));
    lease.over ||= over === true;
    return {};
  }
}

function placeOf(item: Json): Place & { readonly previous: string } {
  const link = item['link'] as Json | undefined;
  if (link)
    return {
      sequence: Number(link['sequence']),
      hash: String(link['hash']),
      previous: String(link['previousHash']),
      body: null,
    };
  const record = item['record'] as Json;
  const { hash, ...hashed } = record;
  if (sha256(canonicalText(hashed)) !== hash) throw broken(Number(record['sequence']), 'changed');
  return {
    sequence: Number(record['sequence']),
    hash,
    previous: String(record['previousHash']),
    body: canonicalText(record),
  };
}

function broken(sequence: number, detail: string): Refused {
  return new Refused('chain-broken', 422, { sequence: String(sequence), detail });
}
