import { createHash } from 'node:crypto';
import { toHex } from '#shared/base/bytes.ts';
import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import {
  askedDigest,
  type CommandUse,
  type PlantCommand,
  type UnitDataAnswer,
  type UnitDataRequest,
  type UnitDataStatement,
} from '#shared/contract/plant/command-api.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn } from '../database/columns.ts';
import type { Database } from '../database/database.ts';
import type { CommandSettings } from './commands-file.ts';
import { fitted, keepUse } from './keep-use.ts';
import { Places } from './places.ts';
import { type ProgramEnd, runProgram } from './run-program.ts';
import { auditDetail, type Given, look, newestUses, refused, type UseAct } from './uses.ts';
import { ProcessWarden, type Warden } from './warden.ts';

export interface CommandParts {
  readonly database: Database;
  readonly settings: ReadonlyMap<string, CommandSettings>;
  readonly signer: Pick<Signer, 'sign'>;
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly now: () => Date;
  readonly warden?: Warden;
  /** Left out: as it says. */
  readonly run?: typeof runProgram;
}

/** Made up, to try a command by hand. */
export type TriedUnit = Pick<UnitDataRequest, 'product' | 'revision' | 'serial' | 'uid' | 'macs' | 'values'>;

export interface Tried {
  readonly ended: ProgramEnd;
  readonly sha256: string | null;
}

/** How calls and programs ended, for the metrics of this process; `repeated` was made before. */
export type CommandEnd = 'given' | 'repeated' | 'refused' | 'failed' | 'lost';

/** A call is answered within this, be it by `working`. */
const ANSWER_MS = 8000;
/** How often another server's work is looked at. */
const LOOK_MS = 500;
const USE_BYTES = 16;

/** What the plant's commands give, at most once for each unit. */
export class PlantCommands {
  readonly #parts: CommandParts;
  readonly #warden: Warden;
  readonly #places: ReadonlyMap<string, Places>;
  /** By use: settles when what came of it is kept. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #counts = new Map<string, { readonly command: string; readonly end: CommandEnd; count: number }>();

  constructor(parts: CommandParts) {
    this.#parts = parts;
    this.#warden = parts.warden ?? new ProcessWarden();
    this.#places = new Map([...parts.settings].map(([name, { atOnce }]) => [name, new Places(atOnce)]));
  }

  counts(): readonly { readonly command: string; readonly end: CommandEnd; readonly count: number }[] {
    return [...this.#counts.values()];
  }

  #count(command: string, end: CommandEnd): void {
    const row = this.#counts.get(`${command} ${end}`) ?? { command, end, count: 0 };
    row.count += 1;
    this.#counts.set(`${command} ${end}`, row);
  }

  /** No other server works on this database: what was begun before now, nobody is at work with. */
  async nobodyElse(): Promise<void> {
    const { database, now } = this.#parts;
    await database.query("UPDATE command_uses SET held_until = $1 WHERE state = 'begun' AND held_until > $1", [now()]);
  }

  /**
   * What a unit is given. First its use is on disk, then the program runs, then what it gave is on disk; only then it is answered, and
   * answered again for as long as it is asked for. Rejects with `plant-command-refused`, `plant-command-failed` and
   * `too-many-requests`; each is in the audit log.
   */
  async give(asked: UnitDataRequest, { station }: UseAct): Promise<UnitDataAnswer> {
    const command = this.#parts.settings.get(asked.command);
    try {
      if (command === undefined) throw refused(asked.command, 'the plant has no command of this name');
      return await this.#give(command, asked, station);
    } catch (thrown) {
      await this.#tellRefused(asked, station, thrown);
      throw thrown;
    }
  }

  async #give(command: CommandSettings, asked: UnitDataRequest, station: string): Promise<UnitDataAnswer> {
    const { database, clock, random } = this.#parts;
    const until = clock.monotonic() + ANSWER_MS;
    const places = this.#places.get(command.name);
    let hasPlace = false;
    try {
      for (;;) {
        const begin = hasPlace ? toHex(random(USE_BYTES)) : null;
        const act = { station, now: this.#parts.now() };
        const isHere = (use: string) => this.#running.has(use);
        const found = await database.transaction((sql) => look(sql, { command, asked, act, begin, isHere }));
        if (found.is === 'refused') throw refused(command.name, found.reason);
        if (found.is === 'failed')
          throw new FlashlineError('plant-command-failed', { params: { command: command.name, detail: found.detail } });
        if (found.is === 'given') {
          if (found.again) this.#count(command.name, 'repeated');
          return await this.#answer(asked, station, found);
        }
        if (found.is === 'free') {
          hasPlace = (await places?.take(clock, until - clock.monotonic())) === true;
          if (!hasPlace) return { state: 'working' };
          continue;
        }
        if (found.is === 'begun') {
          this.#begin(command, found.use, asked, station);
          hasPlace = false;
        } else if (hasPlace) {
          places?.give();
          hasPlace = false;
        }
        if (await this.#isLate(found.use, until)) return { state: 'working' };
      }
    } finally {
      if (hasPlace) places?.give();
    }
  }

  /** Waits for a use to end, or for as long as it may. */
  async #isLate(use: string, until: number): Promise<boolean> {
    const { clock } = this.#parts;
    const done = new AbortController();
    const left = until - clock.monotonic();
    const running = this.#running.get(use);
    const pause = clock
      .sleep(Math.max(0, running ? left : Math.min(LOOK_MS, left)), done.signal)
      .catch(() => undefined);
    await (running ? Promise.race([running, pause]) : pause);
    done.abort();
    return clock.monotonic() >= until;
  }

  /** Goes on by itself, whoever still waits for it: a station whose connection was lost asks again. */
  #begin(command: CommandSettings, use: string, asked: UnitDataRequest, station: string): void {
    const { database } = this.#parts;
    const work = async () => {
      const ended = await this.#run(command, inputOf(command, use, asked, { station, isTry: false }));
      const act = { station, now: this.#parts.now() };
      const fit = fitted(ended, asked);
      await database.transaction((sql) => keepUse(sql, { command, use, asked, act, ended: fit }));
      this.#count(command.name, fit.end === 'gave' ? 'given' : fit.end);
    };
    const running = work()
      // The database is what failed: in time the use counts as one whose end is not known.
      .catch(() => undefined)
      .finally(() => {
        this.#running.delete(use);
        this.#places.get(command.name)?.give();
      });
    this.#running.set(use, running);
  }

  #run(command: CommandSettings, input: string): Promise<ProgramEnd> {
    const { clock, run = runProgram } = this.#parts;
    return run(command, input, { clock, signal: this.#closing.signal, warden: this.#warden });
  }

  async #answer(asked: UnitDataRequest, station: string, given: Given): Promise<UnitDataAnswer> {
    const { data, use, sha256, size, madeAt, again } = given;
    const { request, command } = asked;
    if (data === null) throw refused(command, `what it was given ${madeAt} is not kept any longer`);
    const digest = askedDigest(asked);
    const said: UnitDataStatement = { station, request, asked: digest, command, use, sha256, size, madeAt, again };
    const statement = await this.#parts.signer.sign(said, STATEMENTS.unitData);
    return { state: 'made', statement, data: Buffer.from(data).toString('base64') };
  }

  async #tellRefused(asked: UnitDataRequest, station: string, thrown: unknown): Promise<void> {
    const { code, params } = toFailure(thrown);
    // What failed is told where it is kept.
    if (code !== 'plant-command-refused' && code !== 'too-many-requests') return;
    const { database, now, settings } = this.#parts;
    // A name that a station made up is no label of a metric.
    if (settings.has(asked.command)) this.#count(asked.command, 'refused');
    const reason = params['reason'] ?? params['seconds'] ?? '';
    const detail = { ...auditDetail(asked, null), code, reason };
    await database.transaction((sql) =>
      audit(sql, { at: now(), who: station, action: 'command.refuse', object: asked.command, detail }),
    );
  }

  /** Those that this server has, with what came of them so far. */
  async list(): Promise<PlantCommand[]> {
    const rows = await this.#parts.database.query(
      `SELECT name, given, (SELECT count(*) FROM command_uses u WHERE u.command = c.name AND u.state = 'lost')::bigint AS lost
       FROM plant_commands c`,
    );
    const counts = new Map(rows.map((row) => [row['name'], row]));
    return [...this.#parts.settings.values()].map((command) => {
      const { name, run, seconds, maxBytes, atOnce, again, repeatable, policy } = command;
      const row = counts.get(name);
      const given = CountColumn.parse(row?.['given'] ?? 0);
      const lost = CountColumn.parse(row?.['lost'] ?? 0);
      return { name, run, seconds, maxBytes, atOnce, again, repeatable, policy, given, lost };
    });
  }

  async uses(name: string, page: { readonly serial: string | null; readonly limit: number }): Promise<CommandUse[]> {
    this.#require(name);
    return newestUses(this.#parts.database, name, page);
  }

  /** By hand, for a unit that is none: nothing is kept but the entry in the audit log, and the program is told. */
  async try(name: string, unit: TriedUnit, who: string): Promise<Tried> {
    const { database, random, clock, now } = this.#parts;
    const command = this.#require(name);
    const use = toHex(random(USE_BYTES));
    const asked: UnitDataRequest = {
      ...unit,
      request: use,
      command: name,
      release: '0'.repeat(64),
      run: 'try',
      order: null,
      atLeast: 1,
      atMost: command.maxBytes,
    };
    const places = this.#places.get(name);
    if ((await places?.take(clock, ANSWER_MS)) !== true)
      throw new FlashlineError('too-many-requests', { params: { seconds: 1 } });
    let ended: ProgramEnd;
    try {
      ended = fitted(await this.#run(command, inputOf(command, use, asked, { station: who, isTry: true })), asked);
    } finally {
      places?.give();
    }
    const sha256 = ended.end === 'gave' ? createHash('sha256').update(ended.data).digest('hex') : null;
    const { ms, said } = ended;
    const outcome =
      ended.end === 'gave'
        ? { sha256: sha256 ?? '', size: String(ended.data.length) }
        : { outcome: ended.end, reason: ended.detail };
    const detail = { serial: unit.serial, product: unit.product, ms: String(ms), ...outcome, said };
    await database.transaction((sql) => audit(sql, { at: now(), who, action: 'command.try', object: name, detail }));
    return { ended, sha256 };
  }

  /** A unit may be given anew: what it has, and what may have been used up for it, counts as that of an earlier life. */
  async renew(name: string, serial: string, reason: string, who: string): Promise<number> {
    const { database, now } = this.#parts;
    this.#require(name);
    return database.transaction(async (sql) => {
      const rows = await sql.query(
        `UPDATE command_uses SET live = false WHERE command = $1 AND serial = $2 AND live
           AND (state <> 'begun' OR held_until <= $3) RETURNING use`,
        [name, serial, now()],
      );
      const detail = { serial, reason, uses: rows.map(({ use }) => String(use)).join(', ') };
      if (rows.length > 0) await audit(sql, { at: now(), who, action: 'command.renew', object: name, detail });
      return rows.length;
    });
  }

  /** Ends every program, and waits until what came of it is kept. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running.values());
    this.#warden.close();
  }

  #require(name: string): CommandSettings {
    const command = this.#parts.settings.get(name);
    if (command === undefined) throw new FlashlineError('not-found', { params: { what: `command ${name}` } });
    return command;
  }
}

/** A line of JSON: all that a program is told. */
function inputOf(
  { name }: CommandSettings,
  use: string,
  asked: UnitDataRequest,
  { station, isTry }: { readonly station: string; readonly isTry: boolean },
): string {
  const { product, revision, release, serial, uid, macs, run, order, values, atLeast, atMost } = asked;
  const unit = { product: { id: product, revision }, release, serial, uid, macs, run, order, values };
  return `${JSON.stringify({ schema: 1, command: name, use, try: isTry, station, ...unit, atLeast, atMost })}\n`;
}
