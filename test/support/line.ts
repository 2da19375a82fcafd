import { FAILURES, type FailureCode, type Verdict } from '#shared/model/failure.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';

/** Numbers from 0 to below 1, the same after the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface LineRun {
  readonly run: string;
  readonly station: string;
  /** Milliseconds since 1970, as the station's clock says. */
  readonly at: number;
  readonly random: () => number;
  /** Serials are taken from so many: few make units that many runs, of several stations, are about. */
  readonly units: number;
}

/** What a busy line makes: mostly passes, some retests and repairs, some of our own faults, a few units of the bench. */
export function lineDraft({ run, station, at, random, units }: LineRun): RecordDraft {
  const unit = Math.floor(random() * units);
  const chance = random();
  const hex = (digits: number, of: number) => of.toString(16).padStart(digits, '0');
  const release = hex(64, 0xa0 + (unit % 3));
  return {
    schema: 1,
    run,
    serial: `HB${String(unit).padStart(7, '0')}`,
    uid: chance > 0.97 ? null : hex(16, unit * 7919),
    product: { id: unit % 5 === 0 ? 'gateway' : 'hello', revision: 'A', name: 'Hello board <b>"1"</b>' },
    chip: 'nrf52840',
    release,
    images: [image('bootloader', 0, hex(64, 0xb0)), image('application', 0x1000, hex(64, 0xc0 + (unit % 3)))],
    signingKeys: ['key-2026'],
    probe: random() < 0.05 ? 'bench:nrf52840' : 'cmsis-dap:E6614103E7',
    slot: String(1 + Math.floor(random() * 4)),
    operator: 'Zoë Öztürk 王',
    station,
    appVersion: '0.2.0',
    rework: random() < 0.1,
    startedAt: new Date(at - 4000).toISOString(),
    finishedAt: new Date(at).toISOString(),
    bytesWritten: 65_536,
    bytesSkipped: 1024,
    steps: ['connect', 'survey', 'erase', 'program', 'verify', 'lock'].map((step) => ({
      step,
      ms: 100 + random() * 900,
    })),
    ...ending(random(), random()),
    locks: { APPROTECT: '0xFFFFFF00' },
    ...(random() < 0.5 ? { process: 'final-test' } : {}),
    ...(random() < 0.6 ? { order: `WO-${1 + (unit % 4)}` } : {}),
    ...(random() < 0.3 ? { batch: `LOT ${unit % 7}` } : {}),
    macs: [`02:00:5e:${hex(2, (unit >> 16) & 255)}:${hex(2, (unit >> 8) & 255)}:${hex(2, unit & 255)}`],
    measurements: [{ name: 'idle current', value: 3.1 + random(), unit: 'mA', low: 1, high: 5 }],
  };
}

function image(role: 'bootloader' | 'application', address: number, sha256: string): RecordDraft['images'][number] {
  return { role, version: '1.4.2', address, size: 32_768, sha256: { expected: sha256, readBack: sha256 } };
}

/** Eight of ten pass. */
function ending(which: number, detail: number): Pick<RecordDraft, 'verdict' | 'failure'> {
  if (which < 0.8) return { verdict: 'PASS', failure: null };
  const [verdict, code]: readonly [Verdict, FailureCode] =
    which < 0.9
      ? ['FAIL', detail < 0.5 ? 'flash-refused' : 'target-fault']
      : which < 0.97
        ? ['ERROR', 'no-target']
        : ['ABORTED', 'aborted'];
  const where = { slot: '1', step: 'program' };
  return { verdict, failure: { code, blame: FAILURES[code].blame, where, params: { address: '0x00001000' } } };
}
