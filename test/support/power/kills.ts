import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Prng } from '#main/bench/prng.ts';
import { ROOT } from '#test/support/cli.ts';
import { KillLine, type KillOrder } from './kill-lines.ts';

type Child = ChildProcessByStdio<Writable, Readable, null>;

export interface Killed {
  /** What all those stations told before they died. */
  readonly lines: readonly KillLine[];
  /** Units that were found and run again. */
  readonly units: number;
  /** How the runs ended whose moment did not come. */
  readonly lived: readonly (KillLine | undefined)[];
}

/** A station that waits for its order, its start behind it. */
function start(worker: string): Child {
  const cache = join(ROOT, 'node_modules', '.cache', 'flashline', 'kill-worker-compiled');
  return spawn(process.execPath, [worker], {
    cwd: ROOT,
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

async function carryOut(child: Child, order: KillOrder): Promise<{ lines: KillLine[]; signal: string | null }> {
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stdin.on('error', () => undefined).end(`${JSON.stringify(order)}\n`);
  const signal = await new Promise<string | null>((resolve) => {
    child.on('close', (_code, by) => resolve(by));
  });
  const lines = text.split('\n').filter(Boolean);
  return { lines: lines.map((line) => KillLine.parse(JSON.parse(line))), signal };
}

/** So many stations on one log, each killed in the middle of a run; the next looks at its unit and runs it again. */
export async function killStations(worker: string, home: string, kills: number): Promise<Killed> {
  const random = new Prng(20_260_302);
  const lines: KillLine[] = [];
  const lived: (KillLine | undefined)[] = [];
  let spare = start(worker);
  const next = async (order: KillOrder) => {
    const child = spare;
    spare = start(worker);
    const end = await carryOut(child, order);
    lines.push(...end.lines);
    return end;
  };
  // The first lives, and tells of how many moments there are.
  const first = await next({ unit: 0, dieAt: 1e9, home });
  const [moments = 0] = first.lines.flatMap((line) => (line.told === 'outlived' ? [line.steps] : []));
  let units = 1;
  if (moments === 0) throw new Error('the first run told of no moments');
  for (let killed = 0; killed < kills; units++) {
    const end = await next({ unit: units, dieAt: random.next() % moments, home });
    if (end.signal === 'SIGKILL') killed++;
    // Another unit's run may ask once less whether something is done: then the last moment does not come.
    else lived.push(end.lines.at(-1));
    if (lived.length > kills) break;
  }
  await next({ unit: units, dieAt: -1, home });
  spare.kill();
  return { lines, units, lived };
}
