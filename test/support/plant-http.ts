import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureTexts } from '#main/app/compose-home.ts';
import { type Plant, type PlantOptions, startPlant } from '#plant/plant.ts';
import type { Clock } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import { PlantRefusal } from '#shared/contract/plant/common.ts';
import type { CallOf, Endpoint, PlantRole } from '#shared/contract/plant/endpoint.ts';
import { plantEndpoints, type PlantCall, type PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { ROOT } from './cli.ts';
import { newSigner } from './plant-chain.ts';
import { migratedDatabase } from './plant/migrated-database.ts';

export const PASSWORD = 'correct horse battery staple';

/** What proves who calls. */
export type Credential = Readonly<Record<string, string>>;
export const NOBODY: Credential = {};

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** Null for what is no JSON. */
  readonly body: unknown;
  /** Null for an answer that is 2xx. */
  readonly code: string | null;
}

export interface StationKey {
  readonly name: string;
  readonly signer: Signer;
}

/** A server with PGlite in memory, its clock in the test's hand, passwords hashed cheaply. */
export class PlantUnderTest {
  readonly plant: Plant;
  readonly logs: string[];
  readonly #advance: (ms: number) => void;
  readonly #folder: string;

  private constructor(plant: Plant, logs: string[], folder: string, advance: (ms: number) => void) {
    this.plant = plant;
    this.logs = logs;
    this.#folder = folder;
    this.#advance = advance;
  }

  static async start(options: Partial<PlantOptions> = {}): Promise<PlantUnderTest> {
    const folder = mkdtempSync(join(tmpdir(), 'flashline-plant-'));
    const logs: string[] = [];
    let nowMs = Date.parse('2026-03-02T08:00:00Z');
    const clock: Clock = {
      now: () => nowMs,
      monotonic: () => performance.now(),
      sleep: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)),
    };
    const plant = await startPlant({
      folder,
      database: null,
      inMemory: await migratedDatabase(),
      host: '127.0.0.1',
      port: 0,
      name: 'Plant 1',
      version: '0.0.0',
      keyFile: null,
      tls: null,
      pages: null,
      clock,
      random: (size) => new Uint8Array(randomBytes(size)),
      describe: failureTexts(join(ROOT, 'resources')),
      log: (line) => logs.push(line),
      limits: { anonymous: 1_000_000, session: 1_000_000 },
      passwordCost: { memory: 64, passes: 1 },
      ...options,
    });
    return new PlantUnderTest(plant, logs, folder, (ms) => {
      nowMs += ms;
    });
  }

  get url(): string {
    return this.plant.url;
  }

  advance(ms: number): void {
    this.#advance(ms);
  }

  async close(): Promise<void> {
    await this.plant.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** By the contract: what fits no schema may be sent too. */
  call<K extends PlantCall>(name: K, credential: Credential, given: CallOf<PlantEndpoints[K]> = {}): Promise<Answered> {
    return this.send(name, credential, given);
  }

  async send(
    name: PlantCall,
    credential: Credential,
    given: { readonly params?: unknown; readonly query?: unknown; readonly body?: unknown },
  ): Promise<Answered> {
    const { method, path }: Endpoint = plantEndpoints[name];
    const filled = entriesOf(given.params).reduce(
      (url, [key, value]) => url.replace(`:${key}`, encodeURIComponent(value)),
      path,
    );
    const query = new URLSearchParams(entriesOf(given.query)).toString();
    const url = `${this.url}${filled}${query === '' ? '' : `?${query}`}`;
    if (method === 'GET' || given.body === undefined) return this.fetch(url, { method, headers: credential });
    const bytes = given.body instanceof Uint8Array;
    return this.fetch(url, {
      method,
      headers: { ...credential, 'content-type': bytes ? 'application/octet-stream' : 'application/json' },
      body: given.body instanceof Uint8Array ? given.body.slice() : JSON.stringify(given.body),
    });
  }

  async fetch(url: string, init: RequestInit): Promise<Answered> {
    const response = await fetch(url, { redirect: 'manual', ...init });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    const body: unknown = isJson ? JSON.parse(text) : null;
    const code = response.status < 400 ? null : PlantRefusal.parse(body).failure.code;
    return { status: response.status, headers: response.headers, body, code };
  }

  async addPerson(name: string, roles: readonly PlantRole[], products: readonly string[] = []): Promise<void> {
    await this.plant.desk.call('user.create', {
      name,
      roles: [...roles],
      products: [...products],
      password: PASSWORD,
      badge: null,
    });
  }

  /** Throws unless they can sign in. */
  async signIn(name: string, password = PASSWORD): Promise<Credential> {
    const { headers, code } = await this.call('session.open', NOBODY, { body: { name, password } });
    if (code !== null) throw new Error(`${name} cannot sign in: ${code}`);
    return { cookie: headers.getSetCookie()[0]?.split(';')[0] ?? '', origin: this.url };
  }

  async person(name: string, roles: readonly PlantRole[], products: readonly string[] = []): Promise<Credential> {
    await this.addPerson(name, roles, products);
    return this.signIn(name);
  }

  async enrol(name: string): Promise<StationKey> {
    const signer = await newSigner();
    const { code } = await this.plant.desk.call('station.invite', { name });
    const { publicKey } = signer;
    const answered = await this.call('station.enrol', NOBODY, { body: { code, publicKey, appVersion: '1' } });
    if (answered.code !== null) throw new Error(`${name} cannot enrol: ${answered.code}`);
    return { name, signer };
  }

  async answerTo(station: StationKey): Promise<string> {
    const { body } = await this.call('station.challenge', NOBODY, { body: { station: station.name } });
    return station.signer.sign({ station: station.name, challenge: memberOf(body, 'challenge') }, STATEMENTS.challenge);
  }

  async openStation(station: StationKey): Promise<Credential> {
    const answer = await this.answerTo(station);
    const { body } = await this.call('station.session', NOBODY, { body: { answer } });
    return { authorization: `Bearer ${memberOf(body, 'token')}` };
  }

  async station(name: string): Promise<Credential> {
    return this.openStation(await this.enrol(name));
  }
}

/** A text member of a JSON answer. */
export function memberOf(body: unknown, name: string): string {
  const value: unknown =
    typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : null;
  if (typeof value === 'string') return value;
  throw new Error(`no ${name} in ${JSON.stringify(body)}`);
}

function entriesOf(given: unknown): [string, string][] {
  if (typeof given !== 'object' || given === null) return [];
  return Object.entries(given).map(([key, value]) => [key, String(value)]);
}
