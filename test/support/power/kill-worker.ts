import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { openLogOf } from '#main/app/compose-home.ts';
import { realRandom } from '#main/app/real-clock.ts';
import type { UnitLog } from '#main/log/log.ts';
import { Prng } from '#main/bench/prng.ts';
import type { CellChange, Cells } from './cells.ts';
import { NRF52840_SWD } from './cortex-m-families.ts';
import { type KillLine, KillOrder } from './kill-lines.ts';
import { runUnit } from './run-unit.ts';
import { carryingOf, holds } from './sweep.ts';

const family = NRF52840_SWD;
const [old, release] = [await family.release(11), await family.release(51)];

/** At once on the pipe: a line that was told is told, whatever happens then. */
function tell(line: KillLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

const cellsFile = (home: string, unit: number) => join(home, `unit-${unit}.cells`);

/** A unit's cells live on when the station dies: what was changed stands in the file before anybody goes on. */
function saved(file: string, change: CellChange): void {
  const bytes = Buffer.alloc(8 + change.after.length);
  bytes.writeUInt32LE(change.address, 0);
  bytes.writeUInt32LE(change.after.length, 4);
  bytes.set(change.after, 8);
  const handle = openSync(file, 'a');
  writeSync(handle, bytes);
  closeSync(handle);
}

function cellsAsLeft(home: string, unit: number): Cells {
  const cells = carryingOf(family, old);
  const file = cellsFile(home, unit);
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 4);
    cells.write(bytes.readUInt32LE(at), bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return cells;
}

/** As the station's next start finds it, and one run more. */
async function lookAndRunAgain(log: UnitLog, home: string, unit: number): Promise<void> {
  const cells = cellsAsLeft(home, unit);
  const records = await log.records({ serial: `U${unit}` });
  const codes = records.map(({ verdict, failure }) => failure?.code ?? verdict);
  const held = holds(cells, release) ? 'new' : holds(cells, old) ? 'old' : 'neither';
  tell({ told: 'found', unit, codes, end: family.boot(cells).end, holds: held });
  const end = await runUnit({
    release,
    connection: family.direct(release, cells),
    openFlash: (opened, io) => ('openFlash' in opened ? opened.openFlash(io) : Promise.reject(new Error('no flash'))),
    log,
    serial: `U${unit}`,
    random: realRandom,
    rework: true,
  });
  const isDone = holds(cells, release) && family.boot(cells).end === 'boots' && family.lockStage(cells) === 'locked';
  tell({ told: 'again', unit, run: end.run, verdict: end.verdict, isDone });
}

/** Dies by the signal that nobody can catch, when so many things have happened. */
class Death {
  #left: number;
  steps = 0;
  readonly #dice: Prng;

  constructor({ dieAt, unit }: KillOrder) {
    this.#left = dieAt;
    this.#dice = new Prng(unit + 1);
  }

  step(): void {
    this.steps++;
    if (this.#left-- === 0) process.kill(process.pid, 'SIGKILL');
  }

  /** The log works in a thread of its own: in the middle of what it was asked to do. */
  during<T>(work: Promise<T>): Promise<T> {
    this.steps++;
    if (this.#left-- !== 0) return work;
    const until = performance.now() + (this.#dice.next() % 2000) / 1000;
    while (performance.now() < until);
    process.kill(process.pid, 'SIGKILL');
    return work;
  }
}

function mortal(log: UnitLog, death: Death): UnitLog {
  return {
    begin: (opening) => death.during(log.begin(opening)),
    journal: (run, entries) => death.during(log.journal(run, entries)),
    finish: (draft) => death.during(log.finish(draft)),
    interruptedAtOpening: () => log.interruptedAtOpening(),
    unacknowledged: () => log.unacknowledged(),
    acknowledgeInterrupted: (sequences) => log.acknowledgeInterrupted(sequences),
    records: (query) => log.records(query),
    lastPass: (unit) => log.lastPass(unit),
    close: () => log.close(),
  };
}

async function runAndDie(log: UnitLog, order: KillOrder): Promise<void> {
  const { unit, home } = order;
  const death = new Death(order);
  const file = cellsFile(home, unit);
  writeFileSync(file, '');
  const watch = { packet: () => death.step(), cells: (change: CellChange) => saved(file, change) };
  const wired = family.wired(cellsAsLeft(home, unit), watch, [], `U${unit}`);
  const end = await runUnit({
    release,
    ...wired,
    log: mortal(log, death),
    serial: `U${unit}`,
    random: realRandom,
    onEvent: (event) => {
      if (event.type === 'run.started') tell({ told: 'started', unit, run: event.run });
    },
  });
  tell({ told: 'outlived', unit, run: end.run, verdict: end.verdict, steps: death.steps });
}

// Started ahead of its time: all of it is loaded when the order comes.
const input = createInterface({ input: process.stdin });
const text = await input[Symbol.asyncIterator]().next();
const order = KillOrder.parse(JSON.parse(String(text.value)));
const log = await openLogOf(order.home);
if (order.unit > 0) await lookAndRunAgain(log, order.home, order.unit - 1);
if (order.dieAt >= 0) await runAndDie(log, order);
await log.close();
process.exit(0);
