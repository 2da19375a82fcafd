import { equalBytes } from '#shared/base/bytes.ts';
import type { Role } from '#shared/model/recipe.ts';
import { conditionOf, type JournalledChange, type UnitCondition } from '#shared/model/unit-condition.ts';
import { Prng } from '#main/bench/prng.ts';
import type { Release } from '#main/release/open-release.ts';
import { type CellChange, type Cells, torn } from './cells.ts';
import type { Family } from './family.ts';
import { MemoryLog } from './memory-log.ts';
import { codeOf, runUnit } from './run-unit.ts';

/** What one run did, in its order. */
export type RunEventOf =
  | { readonly kind: 'packet' }
  | { readonly kind: 'change'; readonly change: JournalledChange }
  | { readonly kind: 'cells'; readonly change: CellChange };

export interface Recording {
  readonly family: Family;
  /** What the unit carried before; null where nothing starts from it. */
  readonly old: Release | null;
  readonly release: Release;
  readonly before: Cells;
  readonly events: readonly RunEventOf[];
}

/** Where the power failed: before a packet, in the middle of a flash operation or of a fuse, or just after one. */
export type CutKind = 'packet' | 'torn' | 'after';

export interface Cut {
  readonly kind: CutKind;
  readonly index: number;
  readonly cells: Cells;
  readonly condition: UnitCondition;
}

export const OUTCOMES = ['old firmware', 'new firmware', 'refuses to boot'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Swept {
  readonly cuts: Record<CutKind, number>;
  readonly outcomes: Record<Outcome, number>;
  /** Cut points of the same cells, told of the same condition, are looked at once: nothing else outlives the power. */
  readonly states: number;
  /** Of these, runs with every packet simulated: one for each plan and each state of the locks. */
  readonly wired: number;
  readonly faults: readonly string[];
}

/** One run over the wire, from these cells to the release. */
export async function record(family: Family, old: Release | null, release: Release, before: Cells): Promise<Recording> {
  const events: RunEventOf[] = [];
  const unit = family.wired(before, {
    packet: () => events.push({ kind: 'packet' }),
    cells: (change) => events.push({ kind: 'cells', change }),
  });
  const log = new MemoryLog();
  log.onEntry = (entry) => {
    if (entry.kind === 'change')
      events.push({ kind: 'change', change: JSON.parse(entry.operation) as JournalledChange });
  };
  const end = await runUnit({ release, ...unit, log });
  if (end.verdict !== 'PASS') throw new Error(`the run that was to be recorded ended with ${codeOf(end)}`);
  const recording = { family, old, release, before, events };
  // What is replayed from here on is what happened.
  const replayed = before.clone();
  for (const event of events) if (event.kind === 'cells') replayed.write(event.change.address, event.change.after);
  if (replayed.key() !== unit.cells().key()) throw new Error('the recorded changes do not lead to what the unit holds');
  return recording;
}

/** Every instant of it at which the power can fail. The cells are the caller's only until the next. */
export function* cutsOf({ before, events, release }: Recording): Generator<Cut> {
  const cells = before.clone();
  const changes: JournalledChange[] = [];
  const prng = new Prng(20_260_301);
  const roles = rolesOf(release);
  let condition = conditionOf(changes, roles);
  for (const [index, event] of events.entries()) {
    if (event.kind === 'packet') yield { kind: 'packet', index, cells, condition };
    else if (event.kind === 'change') {
      changes.push(event.change);
      condition = conditionOf(changes, roles);
    } else {
      const { address, after } = event.change;
      cells.write(address, torn(event.change, prng));
      yield { kind: 'torn', index, cells, condition };
      cells.write(address, after);
      yield { kind: 'after', index, cells, condition };
    }
  }
}

/** Cuts the power at every instant of a run: what starts then, what the journal says of it, and one run more. */
export async function sweep(recording: Recording): Promise<Swept> {
  const judge = new Judge(recording);
  for (const cut of cutsOf(recording)) await judge.look(cut);
  return judge.swept();
}

class Judge {
  readonly #recording: Recording;
  readonly #cuts: Record<CutKind, number> = { packet: 0, torn: 0, after: 0 };
  readonly #outcomes: Record<Outcome, number> = { 'old firmware': 0, 'new firmware': 0, 'refuses to boot': 0 };
  /** By their cells: what starts from them. */
  readonly #looked = new Map<string, Outcome | undefined>();
  readonly #told = new Set<string>();
  readonly #plans = new Set<string>();
  /** Cells that were seen to be the release's: most runs lead to the same. */
  readonly #done = new Set<string>();
  readonly #faults: string[] = [];
  readonly #start: string;

  constructor(recording: Recording) {
    this.#recording = recording;
    this.#start = recording.before.key();
  }

  swept(): Swept {
    return {
      cuts: this.#cuts,
      outcomes: this.#outcomes,
      states: this.#looked.size,
      wired: this.#plans.size,
      faults: this.#faults,
    };
  }

  async look(cut: Cut): Promise<void> {
    this.#cuts[cut.kind]++;
    const key = cut.cells.key();
    if (!this.#looked.has(key)) {
      this.#looked.set(key, this.#startOf(cut));
      await this.#runAgain(cut);
    }
    const outcome = this.#looked.get(key);
    if (outcome) this.#outcomes[outcome]++;
    const told = `${key} ${cut.condition}`;
    if (this.#told.has(told)) return;
    this.#told.add(told);
    this.#hear(cut, outcome, key);
  }

  #startOf(cut: Cut): Outcome | undefined {
    const { family, old, release } = this.#recording;
    const boot = family.boot(cut.cells);
    if (boot.end === 'refuses') return 'refuses to boot';
    if (boot.end === 'boots' && holds(cut.cells, release)) return 'new firmware';
    if (boot.end === 'boots' && old && holds(cut.cells, old)) return 'old firmware';
    this.#fault(
      cut,
      boot.end === 'boots' ? 'it starts what is neither the old firmware nor the new' : `it runs wild: ${boot.why}`,
    );
    return undefined;
  }

  /** The journal must not say what is not so. */
  #hear(cut: Cut, outcome: Outcome | undefined, key: string): void {
    const said: Record<UnitCondition, boolean> = {
      untouched: key === this.#start,
      opening: outcome === 'refuses to boot',
      unfinished: outcome === 'refuses to boot' || outcome === 'old firmware',
      finishing: outcome === 'refuses to boot' || outcome === 'new firmware',
      locking: outcome === 'new firmware',
    };
    if (!said[cut.condition])
      this.#fault(cut, `the journal says ${cut.condition}, and it is ${outcome ?? 'something else'}`);
  }

  async #runAgain(cut: Cut): Promise<void> {
    const { family, release } = this.#recording;
    const cells = cut.cells.clone();
    let plan = '';
    const end = await runUnit({
      release,
      connection: family.direct(release, cells),
      openFlash: (unit, io) => ('openFlash' in unit ? unit.openFlash(io) : Promise.reject(new Error('no flash'))),
      log: new MemoryLog(),
      onEvent: (event) => {
        if (event.type === 'plan.ready') plan = JSON.stringify(event.operations);
      },
    });
    if (end.verdict !== 'PASS') return this.#fault(cut, `the next run ended with ${codeOf(end)}`);
    this.#requireDone(cut, cells, 'the next run');
    const kind = `${plan} ${family.lockStage(cut.cells)}`;
    if (this.#plans.has(kind)) return undefined;
    this.#plans.add(kind);
    return this.#runWired(cut);
  }

  async #runWired(cut: Cut): Promise<void> {
    const { family, release } = this.#recording;
    const unit = family.wired(cut.cells);
    const end = await runUnit({ release, ...unit, log: new MemoryLog() });
    if (end.verdict !== 'PASS') this.#fault(cut, `the next run over the wire ended with ${codeOf(end)}`);
    else this.#requireDone(cut, unit.cells(), 'the next run over the wire');
  }

  #requireDone(cut: Cut, cells: Cells, run: string): void {
    const { family, release } = this.#recording;
    const key = cells.key();
    if (this.#done.has(key)) return;
    const boot = family.boot(cells);
    if (boot.end !== 'boots' || !boot.confirmed || !holds(cells, release) || family.lockStage(cells) !== 'locked')
      this.#fault(cut, `${run} passed, and the unit is not what the release says`);
    else this.#done.add(key);
  }

  #fault({ kind, index, condition }: Cut, text: string): void {
    this.#faults.push(`${kind} ${index} (${condition}): ${text}`);
  }
}

/** A unit that carries the release, and was never locked. */
export function carryingOf(family: Family, { layout }: Release): Cells {
  const cells = family.blank();
  for (const { segments } of layout.images) for (const { address, data } of segments) cells.write(address, data);
  return cells;
}

export function holds(cells: Cells, { layout }: Release): boolean {
  return layout.images.every(({ segments }) =>
    segments.every(({ address, data }) => equalBytes(cells.read(address, data.length), data)),
  );
}

export function rolesOf({ layout }: Release): Role[] {
  return layout.images.map(({ role }) => role);
}
