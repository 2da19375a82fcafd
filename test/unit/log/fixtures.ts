import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#shared/base/clock.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import type { RunOpening } from '#main/log/log.ts';
import type { Owner, Processes } from '#main/log/process-owner.ts';
import { openUnitLog, type SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';

export const A_DAY = '2026-03-01T08:00:00.000Z';

export function standingClock(): Clock {
  return { now: () => Date.parse(A_DAY), monotonic: () => 0, sleep: () => Promise.resolve() };
}

/** Processes that live and die as the test says. */
export class Village implements Processes {
  readonly dead = new Set<number>();
  pid: number;
  constructor(pid: number) {
    this.pid = pid;
  }
  self(): Owner {
    return { pid: this.pid, boot: 'boot', started: String(this.pid) };
  }
  isAlive(owner: Owner): boolean {
    return !this.dead.has(owner.pid);
  }
}

export function temporaryFolder(parent = tmpdir()): { path: string; remove: () => void } {
  const path = mkdtempSync(join(parent, 'flashline-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function openAt(file: string, processes: Processes = new Village(1)): SqliteUnitLog {
  return openUnitLog({ file, clock: standingClock(), processes, warn: () => undefined });
}

export function opening(run: string, serial = 'HB000001'): RunOpening {
  return {
    run,
    serial,
    product: { id: 'hello', revision: 'A', name: 'Hello board' },
    chip: 'nrf52840',
    release: 'a'.repeat(64),
    images: [
      {
        role: 'application',
        version: '1.0.0',
        address: 0,
        size: 16,
        sha256: { expected: 'b'.repeat(64), readBack: null },
      },
    ],
    signingKeys: [],
    probe: 'gdb:tcp:127.0.0.1:3333',
    slot: '1',
    operator: 'op',
    station: 'st',
    appVersion: '0.1.0',
    rework: false,
    startedAt: A_DAY,
  };
}

export function draft(run: string, changes: Partial<RecordDraft> = {}): RecordDraft {
  return {
    schema: 1,
    ...opening(run),
    uid: '0011223344556677',
    finishedAt: A_DAY,
    bytesWritten: 16,
    bytesSkipped: 0,
    steps: [{ step: 'connect', ms: 1.25 }],
    verdict: 'PASS',
    failure: null,
    locks: { APPROTECT: '0xFFFFFFFF' },
    ...changes,
  };
}
