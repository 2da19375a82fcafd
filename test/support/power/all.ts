import { NRF52840_SWD, STM32F407_UART } from './cortex-m-families.ts';
import { ESP32_UART } from './esp-family.ts';
import { realCuts } from './real-cuts.ts';
import { carryingOf, record, sweep, type Swept } from './sweep.ts';

export interface Row extends Swept {
  readonly family: string;
  readonly over: 'a blank unit' | 'the release before';
  /** Runs whose supply really failed, and what they left against what the recording says of that instant. */
  readonly real: number;
}

const FAMILIES = [NRF52840_SWD, ESP32_UART, STM32F407_UART];
const REAL_CUTS = 8;

/** Four signed images and their lock steps, by each of the ways, into a blank unit and over the release before. */
export async function sweepAll(tell: (row: Row) => void = () => undefined): Promise<Row[]> {
  const rows: Row[] = [];
  for (const family of FAMILIES) {
    const [old, release] = [await family.release(11), await family.release(51)];
    const carrying = carryingOf(family, old);
    for (const [over, before] of [
      ['a blank unit', family.blank()],
      ['the release before', carrying],
    ] as const) {
      const recording = await record(family, over === 'a blank unit' ? null : old, release, before);
      const swept = await sweep(recording);
      const faults = await realCuts(recording, REAL_CUTS);
      const row = { family: family.name, over, ...swept, real: REAL_CUTS, faults: [...swept.faults, ...faults] };
      rows.push(row);
      tell(row);
    }
  }
  return rows;
}

/** As people read it. */
export function table(rows: readonly Row[]): string {
  const head = ['way', 'over', 'packets', 'torn', 'after', 'old', 'new', 'refuses', 'states', 'wired', 'faults'];
  const lines = rows.map(({ family, over, cuts, outcomes, states, wired, faults }) => [
    family,
    over,
    cuts.packet,
    cuts.torn,
    cuts.after,
    outcomes['old firmware'],
    outcomes['new firmware'],
    outcomes['refuses to boot'],
    states,
    wired,
    faults.length,
  ]);
  const all = [head, ...lines].map((line) => line.map(String));
  const width = (column: number) => Math.max(...all.map((line) => line[column]?.length ?? 0));
  const cell = (text: string, column: number) =>
    column < 2 ? text.padEnd(width(column)) : text.padStart(width(column));
  return all.map((line) => line.map(cell).join('  ')).join('\n');
}
