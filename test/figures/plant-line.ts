import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { z } from 'zod';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import type { Database } from '#plant/database/database.ts';
import { createUserSessions } from '#plant/accounts/user-sessions.ts';
import { realRandom } from '#main/app/compose-home.ts';
import { newSigner, PlantChain } from '#test/support/plant-chain.ts';

const Said = z.object({ url: z.string() });
const START_MS = 30_000;
/** As scripts/flashline.js starts `flashline plant serve`. */
const HEAP = ['--max-semi-space-size=8', '--max-old-space-size=1024'];

/** A server process, seen from outside. */
export interface ServerProcess {
  readonly url: string;
  /** Resident memory, now and at its highest. */
  memory(): { readonly nowMib: number; readonly peakMib: number };
  /** User and system time so far, in seconds. */
  cpuSeconds(): number;
  close(): Promise<void>;
}

/** `keep`: the server's own folder, which stays: a plant that was served before knows its key. */
export async function startServer(database: string, keep?: string): Promise<ServerProcess> {
  const folder = keep ?? mkdtempSync(join(tmpdir(), 'flashline-figures-'));
  const file = join(import.meta.dirname, 'plant-server.ts');
  const child = spawn(process.execPath, [...HEAP, file, database, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = z
    .tuple([z.instanceof(Buffer)])
    .parse(await once(child.stdout, 'data', { signal: AbortSignal.timeout(START_MS) }));
  const { url } = Said.parse(JSON.parse(line.toString()));
  const status = () => readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status())?.[1] ?? 0) / 1024;
  return {
    url,
    memory: () => ({ nowMib: mib('VmRSS'), peakMib: mib('VmHWM') }),
    cpuSeconds: () => {
      // proc(5): fields 14 and 15, in ticks of 10 ms, behind the name in brackets.
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    close: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
      if (keep === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Connections that stay open, as stations and pages have them. */
export class PlantCaller {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  as(headers: Readonly<Record<string, string>>): PlantCaller {
    return new PlantCaller(this.#url, headers);
  }

  get(path: string): Promise<unknown> {
    return this.#call('GET', path, null, {});
  }

  post(path: string, body: object): Promise<unknown> {
    return this.#call('POST', path, Buffer.from(JSON.stringify(body)), {});
  }

  postPacked(path: string, body: Buffer): Promise<unknown> {
    return this.#call('POST', path, body, { 'content-encoding': 'gzip' });
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(method: string, path: string, body: Buffer | null, more: Record<string, string>): Promise<unknown> {
    const headers = {
      ...this.#headers,
      ...more,
      ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) }),
    };
    return new Promise((resolve, reject) => {
      const call = request(`${this.#url}/api/v1${path}`, { method, headers, agent: this.#agent }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(parts).toString();
          if (answer.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 500)}`));
        });
      });
      call.on('error', reject);
      call.end(body ?? undefined);
    });
  }
}

const Offered = z.object({ challenge: z.string() });
const Opened = z.object({ token: z.string() });

/** An enrolled station with a session, whose chain is empty. */
export async function openStation(database: Database, url: string, name: string) {
  const chain = new PlantChain(name, await newSigner());
  const enrol = `INSERT INTO stations (name, public_key, invited_at, invited_by, enrolled_at) VALUES ($1, $2, now(), 'figures', now())`;
  await database.query(enrol, [name, chain.signer.publicKey.x]);
  const caller = new PlantCaller(url);
  const { challenge } = Offered.parse(await caller.post('/station/challenge', { station: name }));
  const answer = await chain.signer.sign({ station: name, challenge }, STATEMENTS.challenge);
  const { token } = Opened.parse(await caller.post('/station/session', { answer }));
  caller.close();
  return { chain, caller: caller.as({ authorization: `Bearer ${token}` }) };
}
export type OpenStation = Awaited<ReturnType<typeof openStation>>;

/** A quality engineer with the pages open. */
export async function openPerson(database: Database, url: string): Promise<PlantCaller> {
  const insert = `
    INSERT INTO users (name, roles, products, active, created_at) VALUES ('figures', '{quality}', '{}', true, now())
    ON CONFLICT DO NOTHING`;
  await database.query(insert);
  const token = await createUserSessions(database, realRandom).open(database, 'figures', new Date());
  return new PlantCaller(url, { cookie: `flashline=${token}` });
}

const pack = promisify(gzip);

/** The chain's records from `first` on in batches as stations send them, signed and packed. */
export async function packedBatches({ chain }: OpenStation, first: number, size: number): Promise<Buffer[]> {
  const batches: Buffer[] = [];
  for (let at = first; at <= chain.records.length; at += size) {
    const batch = await chain.batch(at, Math.min(at + size - 1, chain.records.length));
    batches.push(await pack(JSON.stringify(batch), { level: 1 }));
  }
  return batches;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
