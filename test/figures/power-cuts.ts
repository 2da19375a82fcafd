import { sweepAll, table } from '#test/support/power/all.ts';

/** Power cuts at every packet and every flash operation: how each way's units end, and how many faults were found (none). */
export async function measurePowerCuts(): Promise<object> {
  const rows = await sweepAll();
  process.stderr.write(`${table(rows)}\n`);
  const cutPoints = rows.reduce((sum, { cuts }) => sum + cuts.packet + cuts.torn + cuts.after, 0);
  const faults = rows.reduce((sum, row) => sum + row.faults.length, 0);
  const byWay = Object.fromEntries(
    rows.map(({ family, over, cuts, outcomes, states, wired }) => [
      `${family}, ${over}`.replaceAll(/[ .,]+/gu, '-'),
      { ...cuts, ...outcomes, states, wired },
    ]),
  );
  return { cutPoints, faults, ...byWay };
}
