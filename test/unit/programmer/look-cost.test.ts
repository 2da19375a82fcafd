import { describe, expect, test } from 'vitest';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { reasonTotals } from '#shared/model/plan.ts';
import { layOut } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { lookingPays, TRIAL_PAGES, trialPlaces } from '#main/programmer/look-cost.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import { PageFlash } from './page-flash.ts';

const PAGE = 256;
const PAGES = 200;
const CHIP = ChipDescription.parse({
  schema: 1,
  id: 'slow',
  name: 'Slow',
  source: 'made for tests',
  memories: [
    {
      kind: 'flash',
      name: 'flash',
      start: 0,
      size: PAGES * PAGE,
      page: PAGE,
      word: 4,
      erased: 0xff,
      eraseMs: 6,
      wordUs: 20,
    },
  ],
});
const WANTED = Uint8Array.from({ length: PAGES * PAGE }, (_, at) => (at * 7 + (at >> 8)) & 0x7f);
const LAYOUT = layOut(CHIP, [
  { role: 'application', version: '1', file: 'a', image: { format: 'bin', segments: [{ address: 0, data: WANTED }] } },
]);

/** A wire on which a byte takes its time. */
class SlowFlash extends PageFlash {
  readonly io: IoContext;
  readonly #msPerByte: number;
  #now = 0;

  constructor(msPerByte: number, content: Uint8Array) {
    super(CHIP);
    this.#msPerByte = msPerByte;
    this.at(0, content.length).set(content);
    const clock: Clock = { now: () => this.#now, monotonic: () => this.#now, sleep: () => Promise.resolve() };
    this.io = { clock, signal: new AbortController().signal };
  }

  override read(address: number, length: number): Promise<Uint8Array> {
    this.#now += length * this.#msPerByte;
    return super.read(address, length);
  }
}

async function planOn(device: SlowFlash) {
  const survey = await surveyUnit(LAYOUT, device, device.io);
  const pages = reasonTotals(makePlan({ layout: LAYOUT, survey }).decisions);
  return Object.fromEntries(pages.map(({ action, reason, bytes }) => [`${action} ${reason}`, bytes / PAGE]));
}

/** 115,200 baud, and a fast probe. */
const UART = 0.087;
const PROBE = 0.0012;

describe('whether pages are looked at', () => {
  test('on a slow wire other firmware is just written, after a few looks', async () => {
    const device = new SlowFlash(
      UART,
      WANTED.map((byte) => byte ^ 0x55),
    );
    expect(await planOn(device)).toEqual({ 'write unseen': PAGES - TRIAL_PAGES, 'write read': TRIAL_PAGES });
    expect(device.bytesRead).toBe(TRIAL_PAGES * PAGE);
  });

  test('on any wire the same firmware with one page changed is found, wherever that is', async () => {
    for (const speed of [UART, PROBE]) {
      for (const page of [0, 12, 13, 112, PAGES - 1]) {
        const device = new SlowFlash(speed, WANTED);
        device.flip(page * PAGE + 3, 1);
        expect(await planOn(device)).toEqual({ 'write read': 1, 'keep read': PAGES - 1 });
        expect(device.bytesRead).toBe(PAGES * PAGE);
      }
    }
  });

  test('a blank unit is known to be blank where erasing it costs more than looking', async () => {
    const blank = new Uint8Array(PAGES * PAGE).fill(0xff);
    const [fast, slow] = [new SlowFlash(PROBE, blank), new SlowFlash(UART, blank)];
    await planOn(fast);
    await planOn(slow);
    expect(fast.bytesRead).toBe(PAGES * PAGE);
    expect(slow.bytesRead).toBe(TRIAL_PAGES * PAGE);
  });

  test('the trial is spread over all pages, and a dearer look never pays where a cheaper one does not', () => {
    const places = trialPlaces(PAGES);
    expect(new Set(places).size).toBe(TRIAL_PAGES);
    const gaps = places.slice(1).map((place, index) => place - (places[index] ?? 0));
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
    const [memory] = flashMemories(CHIP) as [FlashMemory];
    for (let same = 0; same <= TRIAL_PAGES; same++) {
      const pays = [0, 1, 5, 20, 100, 1000].map((ms) =>
        lookingPays(memory, { pages: TRIAL_PAGES, bytes: TRIAL_PAGES * PAGE, ms: ms * TRIAL_PAGES, same, blank: 0 }),
      );
      expect(pays).toEqual(pays.toSorted((a, b) => Number(b) - Number(a)));
    }
  });
});
