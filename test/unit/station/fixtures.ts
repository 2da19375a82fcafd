import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { type DebugChip, debugChip, type FlashMemory } from '#shared/model/chip.ts';
import type { Failure } from '#shared/model/failure.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import type { UnitLog } from '#main/log/log.ts';
import { processesOfThisMachine } from '#main/log/process-owner.ts';
import { openUnitLog, type SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { layOut } from '#main/plan/layout.ts';
import { pageDigest } from '#main/plan/page-digest.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import { parseChip } from '#main/release/chip-library.ts';
import type { Release } from '#main/release/open-release.ts';
import type { Engine } from '#main/station/engine.ts';
import type { RunServices } from '#main/station/options.ts';
import { releaseEngine } from '#main/station/release-engine.ts';
import type { Protection } from '#main/target/protection/protection.ts';
import type { Target } from '#main/target/target.ts';
import type { Connection, OpenedUnit } from '#main/programmer/programmer.ts';

/** Time that passes only when the test says so; sleepers wake when it does. */
export class ManualClock implements Clock {
  time = 0;
  #sleepers: { until: number; wake: () => void }[] = [];

  now(): number {
    return Date.parse('2026-03-01T08:00:00Z') + this.time;
  }

  monotonic(): number {
    return this.time;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#sleepers.push({ until: this.time + ms, wake: resolve });
    });
  }

  advance(ms: number): void {
    this.time += ms;
    const due = this.#sleepers.filter((sleeper) => sleeper.until <= this.time);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.until > this.time);
    for (const sleeper of due) sleeper.wake();
  }
}

const CHIP_FILE = join(import.meta.dirname, '..', '..', '..', 'resources', 'chips', 'nrf51822.yaml');
const DESCRIBED: DebugChip = debugChip(parseChip(CHIP_FILE, new Uint8Array(readFileSync(CHIP_FILE))));
/** Each operation is one call of the board: clearing a flag takes no overwriting before the erase. */
export const CHIP: DebugChip = {
  ...DESCRIBED,
  memories: DESCRIBED.memories.map((memory) =>
    memory.kind === 'flash' ? Object.assign(memory, { zeroable: false }) : memory,
  ),
};
const FLASH = 0x40000;

export const UID = '0011223344556677';

/** Called at every await of a run; may throw, hang, or abort. */
export type Gate = (name: string) => Promise<void>;

/** Bytes that a plan has to think about: two pages and a little, no erased words. */
export function testRelease(): Release {
  const data = Uint8Array.from({ length: 2500 }, (_, index) => (index * 7 + 1) & 0x7f);
  const image = { format: 'bin', segments: [{ address: 0, data }] } as const;
  const images = [{ role: 'application', version: '1.0.0', file: 'app.bin', image }] as const;
  const layout = layOut(CHIP, images);
  return {
    recipe: {
      schema: 1,
      product: { id: 'hello', revision: 'A', name: 'Hello board' },
      chip: CHIP.id,
      interface: 'swd',
      images: [{ role: 'application', file: 'app.bin', version: '1.0.0', address: 0 }],
      serial: { pattern: '^HB[0-9]{6}$' },
    },
    chip: CHIP,
    images,
    digest: 'e'.repeat(64),
    layout,
    contents: layout.contents,
    signers: new Map(),
    unitKeys: new Map(),
    issuer: null,
    perUnit: null,
  };
}

/** A board in memory, with flash that is only ever cleared by erasing; every access passes the gate. */
export class FakeBoard {
  readonly flash = new Uint8Array(FLASH).fill(0x5a);
  readonly calls: string[] = [];
  opened = 0;
  closed = 0;
  uid = UID;
  /** Null: a chip without protection. */
  locked: boolean | null = null;
  tellsUidWhileLocked = false;
  readonly #gate: Gate;

  constructor(gate: Gate = async () => undefined) {
    this.#gate = gate;
  }

  connection(clock: Clock): Connection {
    return { clock, open: (io) => this.#open(io) };
  }

  device(): FlashDevice {
    const slice = (address: number, size: number) => this.flash.subarray(address, address + size);
    return {
      name: 'fake',
      survey: (memory: FlashMemory, address, size) =>
        this.#do('survey', () =>
          Array.from({ length: size / memory.page }, (_, index) => {
            const page = slice(address + index * memory.page, memory.page);
            const blank = page.every((byte) => byte === memory.erased);
            return { address: address + index * memory.page, blank, digest: pageDigest(page) };
          }),
        ),
      erase: (memory: FlashMemory, address, size) =>
        this.#do('erase', () => void slice(address, size).fill(memory.erased)),
      program: (_memory, address, bytes) =>
        this.#do('program', () => {
          for (const [index, byte] of bytes.entries()) {
            const old = this.flash[address + index] ?? 0;
            this.flash[address + index] = old & byte;
          }
        }),
      read: (address, length) => this.#do('read', () => slice(address, length).slice()),
      finish: () => this.#do('finish', () => undefined),
    };
  }

  async #open(io: IoContext): Promise<Target> {
    await this.#do('open', () => undefined);
    io.signal.throwIfAborted();
    this.opened += 1;
    const unused = () => Promise.reject(new Error('not used by a run'));
    return {
      chip: CHIP,
      memory: { read: unused, write: unused, readWord: unused, writeWord: unused, waitForWord: unused },
      core: {
        halt: unused,
        resume: unused,
        readRegisters: unused,
        writeRegisters: unused,
        setBreakpoint: unused,
        clearBreakpoint: unused,
        waitForHalt: unused,
        reset: unused,
      },
      can: { writePeripherals: true, accessWhileRunning: true, executeCode: false },
      ...(this.locked === null ? {} : { protection: this.#protection() }),
      identify: () => this.#do('identify', () => ({ uid: this.uid, chip: CHIP.id, locks: { RBPCONF: '0xFFFFFFFF' } })),
      start: () => this.#do('start', () => undefined),
      close: () =>
        this.#do('close', () => {
          this.closed += 1;
        }),
    };
  }

  #protection(): Protection {
    const state = () => ({ locked: this.locked === true, observed: { RDP: this.locked ? 'level 1' : 'level 0' } });
    return {
      read: () => this.#do('protection.read', state),
      readUid: () => this.#do('protection.readUid', () => (this.tellsUidWhileLocked ? this.uid : null)),
      unlock: (_, progress) =>
        this.#do('unlock', () => {
          this.flash.fill(0xff);
          this.locked = false;
          progress?.(FLASH);
          return state();
        }),
      lock: () => Promise.reject(new Error('no run locks')),
    };
  }

  async #do<T>(name: string, work: () => T): Promise<T> {
    this.calls.push(name);
    await this.#gate(name);
    return work();
  }
}

/** The log with a gate before every write. */
export function gatedLog(log: UnitLog, gate: Gate): UnitLog {
  return {
    begin: async (opening) => {
      await gate('log.begin');
      return log.begin(opening);
    },
    journal: async (run, entries) => {
      await gate(`log.journal ${entries.at(-1)?.kind}`);
      return log.journal(run, entries);
    },
    finish: async (draft) => {
      await gate('log.finish');
      return log.finish(draft);
    },
    lastPass: async (unit) => {
      await gate('log.lastPass');
      return log.lastPass(unit);
    },
    records: (query) => log.records(query),
    interruptedAtOpening: () => log.interruptedAtOpening(),
    unacknowledged: () => log.unacknowledged(),
    acknowledgeInterrupted: (sequences) => log.acknowledgeInterrupted(sequences),
    close: () => log.close(),
  };
}

export interface Rig {
  readonly log: SqliteUnitLog;
  readonly wall: ManualClock;
  readonly warnings: Failure[];
  readonly engine: Engine;
  readonly services: (board: FakeBoard | ((url: string) => FakeBoard), log?: UnitLog) => RunServices;
  readonly remove: () => Promise<void>;
}

export function makeRig(): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'flashline-test-'));
  const wall = new ManualClock();
  const log = openUnitLog({
    file: join(folder, 'log.db'),
    clock: wall,
    processes: processesOfThisMachine(),
    warn: () => undefined,
  });
  const warnings: Failure[] = [];
  const boardOf = new WeakMap<OpenedUnit, FakeBoard>();
  const open = async (board: FakeBoard, io: IoContext) => {
    const target = await board.connection(wall).open(io);
    boardOf.set(target, board);
    return target;
  };
  let count = 0;
  let boards: (url: string) => FakeBoard = () => new FakeBoard();
  return {
    log,
    wall,
    warnings,
    engine: releaseEngine(testRelease(), async (target) => {
      const board = boardOf.get(target);
      if (!board) throw new Error('not a target of this rig');
      return board.device();
    }),
    services: (board, used = log) => {
      boards = typeof board === 'function' ? board : () => board;
      return {
        connect: ({ url }) => ({ clock: wall, open: (io) => open(boards(url), io) }),
        log: used,
        wallClock: wall,
        random: (length) => {
          count += 1;
          return new Uint8Array(length).fill(count);
        },
        station: 'st',
        operator: 'op',
        appVersion: '0.1.0',
        describeFailure: ({ code }) => ({ message: `message of ${code}`, remedy: `remedy of ${code}` }),
        warn: (failure) => warnings.push(failure),
      };
    },
    remove: async () => {
      await log.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function typesOf(events: readonly RunEvent[]): string[] {
  return events.map((event) => ('step' in event ? `${event.type} ${event.step}` : event.type));
}
