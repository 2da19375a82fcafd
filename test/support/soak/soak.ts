import { setTimeout as pause } from 'node:timers/promises';
import { IngestAnswer } from '#shared/contract/plant/station-api.ts';
import { FaultProxy } from '../fault-proxy.ts';
import { seeded } from '../line.ts';
import { freePort, type Postgres } from '../postgres.ts';
import type { SmallDisk } from '../small-disk.ts';
import { PlantProcess } from './plant-process.ts';
import type { SoakStation } from './soak-station.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly stations: readonly SoakStation[];
  readonly postgres: Postgres;
  /** Where the cluster lives; null where no disk can be filled. */
  readonly disk: SmallDisk | null;
  readonly database: string;
  readonly home: string;
  readonly seed: number;
}

export interface SoakReport {
  readonly records: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly calls: number;
  /** Answers to batches, and what they said. */
  readonly batches: number;
  readonly accepted: number;
  readonly repeated: number;
  readonly refusals: ReadonlyMap<number, number>;
  readonly healMs: number;
}

const STEP_MS = 100;
const DISK_TRIES = 40;
const HEAL_MS = 120_000;
const NETWORK_CHANCE = 0.2;
const DAY_MS = 86_400_000;
const JUMPS_MS = [-400 * DAY_MS, -DAY_MS, -3_600_000, 60_000, 3_600_000, 2 * DAY_MS, 40 * DAY_MS];

/** A plant of two servers and its line, through a storm and until all is well again. */
export class Soak {
  readonly #options: SoakOptions;
  readonly #random: () => number;
  readonly #faults = new Map<string, number>();
  readonly #refusals = new Map<number, number>();
  #servers: PlantProcess[] = [];
  #network: FaultProxy | null = null;
  #batches = 0;
  #accepted = 0;
  #repeated = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = seeded(options.seed);
  }

  /** Both servers and a sound network; its address is what stations enrol at. */
  async start(): Promise<string> {
    const { database, home } = this.#options;
    const ports = [await freePort(), await freePort()];
    this.#servers = ports.map((port) => new PlantProcess({ home, database, port }));
    for (const server of this.#servers) await server.start();
    this.#network = await FaultProxy.listen({
      targets: this.#servers.map(({ url }) => url),
      random: this.#random,
      stallMs: 4000,
      answered: (path, status, body) => this.#count(path, status, body),
    });
    return this.#network.url;
  }

  async run(): Promise<SoakReport> {
    const network = this.#network;
    if (network === null) throw new Error('not started');
    network.chance = NETWORK_CHANCE;
    const end = performance.now() + this.#options.seconds * 1000;
    const over = new AbortController();
    const trouble = this.#trouble(end).finally(() => over.abort());
    await Promise.all([trouble, this.#work(over.signal), this.#comeAndGo(end, over.signal)]);
    const begun = performance.now();
    await this.#heal(network);
    return {
      records: this.#options.stations.reduce((sum, { made }) => sum + made, 0),
      faults: new Map([...this.#faults, ...network.counts]),
      calls: network.calls,
      batches: this.#batches,
      accepted: this.#accepted,
      repeated: this.#repeated,
      refusals: this.#refusals,
      healMs: performance.now() - begun,
    };
  }

  async stop(): Promise<void> {
    await this.#network?.close();
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  /** What the servers said last, for whoever looks into a failure. */
  get said(): string {
    return this.#servers.map(({ said }) => said.slice(-3000)).join('\n---\n');
  }

  /** Units are flashed whatever happens to the plant. */
  async #work(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      for (const station of this.#options.stations) {
        // A line that is cut off makes more than it can tell.
        await station.make(station.online ? Number(this.#random() < 0.4) : 2);
        if (this.#random() < 0.2) await station.takeNumber('boards');
      }
      await pause(STEP_MS);
    }
  }

  /** One of each in turn, spread over the time; each is over before the next begins. However slow the machine, all have their turn. */
  async #trouble(end: number): Promise<void> {
    const troubles = [
      () => this.#killServer(0),
      () => this.#jumpClocks(),
      () => this.#restartDatabase(),
      () => this.#killServer(1),
      () => this.#fillDisk(),
      () => this.#killServer(0),
      () => this.#jumpClocks(),
      () => this.#killDatabase(),
      () => this.#killServer(1),
    ];
    const gap = Math.min(30_000, ((end - performance.now()) / (troubles.length + 1)) * 0.7);
    for (let turn = 0; turn < troubles.length || performance.now() + gap < end; turn++) {
      await pause(gap);
      await troubles[turn % troubles.length]?.();
    }
  }

  async #comeAndGo(end: number, over: AbortSignal): Promise<void> {
    const [first, second, ...others] = this.#options.stations;
    // Two are away for most of it, and come back with thousands.
    await Promise.all([first?.goOffline(), second?.goOffline()]);
    const late = performance.now() + (end - performance.now()) * 0.6;
    while (!over.aborted) {
      await pause(20 * STEP_MS);
      const station = others[Math.floor(this.#random() * others.length)];
      if (station?.online === true) {
        this.#add('station offline');
        await station.goOffline();
      } else await station?.comeBack();
      if (performance.now() > late) await Promise.all([first?.comeBack(), second?.comeBack()]);
    }
  }

  /** While it has a transaction open, where there is one within a moment. */
  async #killServer(which: 0 | 1): Promise<void> {
    const server = this.#servers[which];
    const open = await this.#transactionOpen();
    await server?.kill9();
    this.#add(open ? 'server killed -9 in mid-transaction' : 'server killed -9');
    await pause(1000);
    await server?.start().catch(() => this.#add('server start refused'));
  }

  async #transactionOpen(): Promise<boolean> {
    const text =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flashline' AND xact_start IS NOT NULL";
    for (let tries = 0; tries < 40; tries++) {
      const open = await this.#options.postgres.psql(text).catch(() => '0');
      if (open !== '0') return true;
    }
    return false;
  }

  async #restartDatabase(): Promise<void> {
    await this.#options.postgres.restart('immediate');
    this.#add('PostgreSQL restarted (immediate)');
  }

  async #killDatabase(): Promise<void> {
    await this.#options.postgres.kill9();
    this.#add('PostgreSQL killed -9');
    await pause(1500);
    await this.#options.postgres.start();
  }

  async #fillDisk(): Promise<void> {
    const { disk, postgres } = this.#options;
    if (disk === null) return;
    const refused = () => this.#refusals.get(503) ?? 0;
    const before = refused();
    // Not even what was free inside the cluster's files lasts for long.
    for (let tries = 0; tries < DISK_TRIES && refused() === before && postgres.pid !== null; tries++) {
      disk.fill();
      await pause(5 * STEP_MS);
    }
    this.#add(refused() > before || postgres.pid === null ? 'disk full, batches refused' : 'disk full, unnoticed');
    await pause(2000);
    disk.relieve();
    if (postgres.pid === null) this.#add('PostgreSQL gave up on a full disk');
    await this.#ensureDatabase();
  }

  async #ensureDatabase(): Promise<void> {
    const { postgres } = this.#options;
    if (postgres.pid === null) await postgres.start();
  }

  async #jumpClocks(): Promise<void> {
    for (const station of this.#options.stations) {
      station.jump(JUMPS_MS[Math.floor(this.#random() * JUMPS_MS.length)] ?? 0);
      this.#add('clock jump');
    }
  }

  /** Everything is whole again; now every station gets everything across. */
  async #heal(network: FaultProxy): Promise<void> {
    this.#options.disk?.relieve();
    await this.#ensureDatabase();
    for (const server of this.#servers) if (server.pid === null) await server.start();
    await network.heal();
    await Promise.all(this.#options.stations.map((station) => station.settle(HEAL_MS)));
  }

  #count(path: string, status: number, body: Buffer): void {
    if (!path.endsWith('/station/records')) return;
    if (status !== 200) {
      this.#refusals.set(status, (this.#refusals.get(status) ?? 0) + 1);
      return;
    }
    const { accepted, repeated } = IngestAnswer.parse(JSON.parse(body.toString()));
    this.#batches += 1;
    this.#accepted += accepted;
    this.#repeated += repeated;
  }

  #add(kind: string): void {
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
  }
}

export function soakTable(report: SoakReport): string {
  const { records, faults, calls, batches, accepted, repeated, refusals, healMs } = report;
  const rows: (readonly [string, string | number])[] = [
    ['records at the stations', records],
    ['calls over the network', calls],
    ['batches answered', batches],
    ['places taken / repeated', `${accepted} / ${repeated}`],
    ...[...refusals].map(([status, times]) => [`batches answered with ${status}`, times] as const),
    ...[...faults].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, times]) => [`fault: ${kind}`, times] as const),
    ['healed after', `${(healMs / 1000).toFixed(1)} s`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(44)} ${String(value).padStart(14)}`).join('\n');
}
