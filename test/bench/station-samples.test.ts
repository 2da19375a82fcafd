import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ComposedStation } from '#main/app/compose.ts';
import { composeHost } from '#main/app/compose-host.ts';
import type { Sample } from '#shared/contract/station.ts';
import type { Failure } from '#shared/model/failure.ts';
import { ROOT } from '#test/support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'flashline-samples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let homes = 0;
let host: ComposedStation;
let warnings: Failure[];
beforeEach(async () => {
  homes += 1;
  warnings = [];
  host = await start();
});
afterEach(() => host.close());

function start(): Promise<ComposedStation> {
  return composeHost({
    resources: join(ROOT, 'resources'),
    home: join(folder, String(homes)),
    appVersion: '0.0.0-test',
    bench: true,
    release: null,
    probes: [],
    warn: (failure) => warnings.push(failure),
  });
}

async function shown({ serial }: Sample): Promise<string> {
  const scan = host.station.scan({ code: serial });
  if (scan.outcome === 'refused') return scan.failure.code === 'serial-pattern' ? 'wrong-serial' : scan.failure.code;
  if (scan.outcome !== 'accepted') return scan.outcome;
  const { verdict } = await host.station.runSlot({ slot: scan.slot, rework: false });
  const failure = host.station.state().slots.find(({ id }) => id === scan.slot)?.failure;
  if (verdict === 'PASS') return 'pass';
  return verdict === 'FAIL' ? 'fail' : (failure?.code ?? verdict);
}

describe('the virtual bench that a newcomer meets', () => {
  it('has four slots, a demo release and samples to scan', () => {
    const state = host.station.state();
    expect(state).toMatchObject({ mode: 'bench', release: { chip: 'nrf52840' } });
    expect(state.slots.map(({ name }) => name)).toEqual(['1', '2', '3', '4']);
    const kinds: Sample['shows'][] = ['pass', 'fail', 'no-target', 'wrong-serial'];
    expect(new Set(state.samples.map(({ shows }) => shows))).toEqual(new Set(kinds));
  });

  it('shows for each sample what it promises, all at once', async () => {
    const { samples } = host.station.state();
    expect(await Promise.all(samples.map((sample) => shown(sample)))).toEqual(samples.map(({ shows }) => shows));
    expect(warnings).toEqual([]);
  });

  it('still shows what it promises when it is started again over the same log', async () => {
    const before = host.station.state().samples;
    for (const sample of before.filter(({ shows }) => shows === 'pass')) await shown(sample);
    await host.close();
    host = await start();
    const good = host.station.state().samples.filter(({ shows }) => shows === 'pass');
    expect(good.some(({ serial }) => before.some((sample) => sample.serial === serial))).toBe(false);
    expect(await Promise.all(good.map((sample) => shown(sample)))).toEqual(['pass', 'pass']);
  });
});
