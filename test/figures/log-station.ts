import { createHash } from 'node:crypto';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { toHex } from '#shared/base/bytes.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import { openStoresOf, realClock, realRandom, type StationLog } from '#main/app/compose-home.ts';
import { runId } from '#main/station/run-id.ts';
import { finishedAt, fullLogHome, serialOf, SHIFT_RECORDS } from './log-full.ts';

const RECORDS = 1_000_000;
const RUNS = 600;
const QUERIES = 500;
const SHIFTS = 50;
/** A fast line ends a run every tenth of a second. */
const BETWEEN_RUNS_MS = 100;
/** What one read hands over, and is hashed. */
const READ = new Uint8Array(4096).fill(0x5a);
/** More than a processor's own caches hold of a thread that rests. */
const WALK = new Uint8Array(4 << 20).fill(1);

/** Milliseconds, as the station's own thread sees them. */
interface Spread {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * The station's log with a million records in it, through its thread, on this machine's disk. `append` is all that a run asks of
 * the log, from its opening to its record: a durable commit each for the opening, what changes the unit, and the record.
 * The unit's identity is on its way while the run goes on; the first change is on the disk behind it.
 * `append` is on a station at work; `appendAfterRest` where nothing at all ran for a tenth of a second, and `walkAfterRest` beside
 * `walk` is what such a rest costs on this machine before any of our code runs.
 */
export async function measureLogStation(records = RECORDS): Promise<object> {
  const home = fullLogHome(records);
  /** All over the log, one place after another. */
  const place = (index: number): number => (index * 618_033) % (records - SHIFT_RECORDS);
  const slow: string[] = [];
  const { log } = await openStoresOf(home, ({ cause }) => slow.push(cause ?? ''));
  try {
    const [newest] = await log.records({ limit: 1 });
    if (!newest) throw new Error('the log is empty');
    const { append, ...parts } = await appends(log, newest, working);
    return {
      records: newest.sequence,
      append,
      ...parts,
      appendAfterRest: (await appends(log, newest, rest)).append,
      walk: await walks(turn),
      walkAfterRest: await walks(rest),
      bySerial: await spread(QUERIES, (i) => log.records({ serial: serialOf(place(i)), limit: 50 })),
      byUid: await spread(QUERIES, async (i) => log.records({ uid: `${i}`, limit: 50 })),
      byBatch: await spread(QUERIES, (i) =>
        log.records({ facet: { kind: 'batch', value: `lot ${i % 200}` }, limit: 50 }),
      ),
      byImage: await spread(QUERIES, (i) =>
        log.records({ facet: { kind: 'image', value: '0b'.repeat(32) }, before: place(i) + 60, limit: 50 }),
      ),
      failsOfProduct: await spread(QUERIES, (i) =>
        log.records({ product: 'hello-nrf52840', verdict: 'FAIL', before: place(i) + 9000, limit: 50 }),
      ),
      lastPass: await spread(QUERIES, (i) =>
        log.lastPass({ product: 'hello-nrf52840', serial: serialOf(place(i)), uid: null, simulated: false }),
      ),
      shiftYield: await spread(SHIFTS, (i) => log.shiftYield(shift(place(i) - (place(i) % SHIFT_RECORDS)))),
      slowStatements: slow.length,
    };
  } finally {
    await log.close();
  }
}

const shift = (from: number) => ({ from: finishedAt(from), to: finishedAt(from + SHIFT_RECORDS), simulated: false });

/** As between two ends of runs on a line: other slots are read back and hashed, packet by packet. */
async function working(): Promise<void> {
  const until = performance.now() + BETWEEN_RUNS_MS;
  while (performance.now() < until) {
    createHash('sha256').update(READ).digest();
    await turn();
  }
}

const rest = (): Promise<void> => sleep(BETWEEN_RUNS_MS);

/** 4 MiB looked at, a byte of every 64: what this machine itself takes to wake up, which no log can be faster than. */
async function walks(between: () => Promise<void>): Promise<Spread> {
  const took: number[] = [];
  let sum = 0;
  for (let i = 0; i < QUERIES / 5; i++) {
    await between();
    const start = performance.now();
    for (let at = 0; at < WALK.length; at += 64) sum += WALK[at] ?? 0;
    took.push(performance.now() - start);
  }
  if (sum !== (took.length * WALK.length) / 64) throw new Error('the walk left something out');
  return of(took);
}

async function appends(
  log: StationLog,
  like: RecordDraft,
  between: () => Promise<void>,
): Promise<Record<'append' | 'begin' | 'change' | 'finish', Spread>> {
  const begun: number[] = [];
  const changed: number[] = [];
  const finished: number[] = [];
  const whole: number[] = [];
  const now = Date.now();
  for (let i = 0; i < RUNS; i++) {
    const run = runId(realClock, realRandom);
    const at = new Date().toISOString();
    // Chips' ids have no order.
    const draft: RecordDraft = { ...like, run, serial: `HC${now}${i}`, uid: toHex(realRandom(8)), finishedAt: at };
    const change = (op: string) => ({ kind: 'change', operation: JSON.stringify({ op }), at }) as const;
    const start = performance.now();
    begun.push(await timed(() => log.begin(draft)));
    const who = { kind: 'identified', uid: draft.uid, locks: draft.locks } as const;
    const posted = log.journal(run, [step('connect'), who]);
    const first = () => log.journal(run, [step('identify'), step('survey'), change('program')]);
    changed.push(await timed(() => Promise.all([posted, first()])));
    changed.push(await timed(() => log.journal(run, [step('program'), step('verify'), change('validate')])));
    finished.push(await timed(() => log.finish(draft)));
    whole.push(performance.now() - start);
    await between();
  }
  return { append: of(whole), begin: of(begun), change: of(changed), finish: of(finished) };
}

const step = (name: string) => ({ kind: 'step', step: name, ms: 12.5 }) as const;

async function spread(times: number, work: (index: number) => Promise<unknown>): Promise<Spread> {
  const took: number[] = [];
  for (let i = 0; i < times; i++) took.push(await timed(() => work(i + 1)));
  return of(took);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function of(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
