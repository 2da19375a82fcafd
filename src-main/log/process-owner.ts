import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { z } from 'zod';

/** Which process a run belongs to. A pid alone comes round again; with its start it does not. */
export const Owner = z.object({
  pid: z.number().int(),
  /** Which boot of the machine: Linux's boot id, elsewhere the time of boot in whole minutes. */
  boot: z.string(),
  /** Linux: start in clock ticks since boot (field 22 of /proc/<pid>/stat); elsewhere empty. */
  started: z.string(),
});
export type Owner = z.infer<typeof Owner>;

/** Tells the living from the dead; an argument, so that a test can bury a process. */
export interface Processes {
  self(): Owner;
  isAlive(owner: Owner): boolean;
}

export function processesOfThisMachine(): Processes {
  return process.platform === 'linux' ? linuxProcesses() : otherProcesses();
}

function linuxProcesses(): Processes {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return {
    self: () => ({ pid: process.pid, boot, started: startOnLinux(process.pid) ?? '' }),
    isAlive: (owner) => owner.boot === boot && startOnLinux(owner.pid) === owner.started,
  };
}

/** Null for a process that is gone, or dead and merely not reaped yet (proc(5): states Z, X, x). */
function startOnLinux(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (thrown) {
    if (isGone(thrown)) return null;
    throw thrown;
  }
  // Field 2, the name in parentheses, may itself hold spaces and parentheses: fields are counted after the last one.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' || state === 'x' ? null : (rest[18] ?? null);
}

function isGone(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ESRCH');
}

/** The clock may be set between two looks, so boots are held apart only when they are minutes apart. */
const SAME_BOOT_MINUTES = 5;

function otherProcesses(): Processes {
  const bootMinute = Math.round((Date.now() - uptime() * 1000) / 60_000);
  return {
    self: () => ({ pid: process.pid, boot: String(bootMinute), started: '' }),
    isAlive: (owner) =>
      Math.abs(Number(owner.boot) - bootMinute) <= SAME_BOOT_MINUTES &&
      (owner.pid === process.pid || answers(owner.pid)),
  };
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // EPERM: it lives, but belongs to another user.
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}
