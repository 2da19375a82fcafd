import { rm } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openStation } from '../e2e/support/browser.ts';
import { Keyboard } from '../e2e/support/scanner.ts';
import { buildScreens, startStation, type StationUnderTest } from '../e2e/support/station-under-test.ts';

/** Milliseconds of real time, of several units. */
export interface Latency {
  readonly median: number;
  readonly worst: number;
}

export interface OperatorLatency {
  readonly units: number;
  /** From the scanner's last key in the page to the start of the step that first changes the unit (started by the scan). */
  readonly scanToFirstErase: Latency;
  /** From the end of the last read-back in the host to the verdict painted on the screen. */
  readonly readBackToVerdict: Latency;
}

/** Units one after another; the first of them warms browser and station up and does not count. */
const UNITS = 10;

/** In real Chromium, against the real station on the bench, whose own time costs nothing. */
export async function measureOperatorLatency(): Promise<OperatorLatency> {
  const files = await buildScreens();
  const browser = await launchBrowser();
  const under = await startStation({ files, pace: null });
  try {
    return await measure(browser, under);
  } finally {
    await browser.close();
    await under.close();
    await rm(files, { recursive: true });
  }
}

async function measure(browser: Browser, under: StationUnderTest): Promise<OperatorLatency> {
  under.station.setAutoStart({ on: true });
  const { page } = await openStation(browser, under.url());
  await watchInPage(page);
  const keyboard = await Keyboard.of(page);
  const samples: Sample[] = [];
  for (let unit = 0; unit <= UNITS; unit++) {
    const sample = await oneUnit(page, keyboard, under, `HB${String(100_000 + unit)}`);
    if (unit > 0) samples.push(sample);
  }
  return {
    units: UNITS,
    scanToFirstErase: summary(samples.map(({ scanned, changed }) => changed - scanned)),
    readBackToVerdict: summary(samples.map(({ readBack, shown }) => shown - readBack)),
  };
}

/** Moments in milliseconds since 1970, fractional: page and host are on one computer and share its clock. */
interface Sample {
  readonly scanned: number;
  readonly changed: number;
  readonly readBack: number;
  readonly shown: number;
}

const now = (): number => performance.timeOrigin + performance.now();

async function oneUnit(page: Page, keyboard: Keyboard, under: StationUnderTest, serial: string): Promise<Sample> {
  const moments = { changed: Number.NaN, readBack: Number.NaN };
  const unsubscribe = under.station.subscribe({
    stationChanged: () => undefined,
    slotChanged({ serial: current, steps }) {
      if (current !== serial) return;
      const changing = steps.some(({ step }) => step === 'erase' || step === 'invalidate' || step === 'program');
      if (changing && Number.isNaN(moments.changed)) moments.changed = now();
      if (steps.some(({ step, ms }) => step === 'verify' && ms !== null) && Number.isNaN(moments.readBack))
        moments.readBack = now();
    },
  });
  try {
    await page.evaluate((serial) => Object.assign(globalThis, { awaited: serial, shown: null, scanned: null }), serial);
    await keyboard.scan(serial);
    await page.waitForFunction(() => (globalThis as { shown?: number | null }).shown !== null, null, { polling: 100 });
    const seen = await page.evaluate(() => {
      const { scanned, shown } = globalThis as { scanned?: number; shown?: number };
      return { scanned: scanned ?? Number.NaN, shown: shown ?? Number.NaN };
    });
    return { ...moments, ...seen };
  } finally {
    unsubscribe();
  }
}

/** Notes when the scanner's last key came, and when the awaited unit's verdict was painted. */
async function watchInPage(page: Page): Promise<void> {
  await page.evaluate(() => {
    const moments = globalThis as { awaited?: string; shown?: number | null; scanned?: number | null };
    const now = (): number => performance.timeOrigin + performance.now();
    // On the window, before the page's own listeners on the document.
    window.addEventListener('keydown', (event) => (moments.scanned = event.key === 'Enter' ? now() : null), true);
    new MutationObserver(() => {
      if (moments.shown !== null) return;
      const tile = Array.from(document.querySelectorAll('[data-verdict="PASS"]')).find(
        (each) => each.querySelector('[data-part=serial]')?.textContent === moments.awaited,
      );
      if (tile === undefined) return;
      // After the next frame's paint.
      requestAnimationFrame(() => setTimeout(() => (moments.shown ??= now()), 0));
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  });
}

function summary(values: readonly number[]): Latency {
  const sorted = [...values].sort((a, b) => a - b);
  const round = (value: number | undefined): number => Math.round((value ?? Number.NaN) * 10) / 10;
  return { median: round(sorted[Math.floor(sorted.length / 2)]), worst: round(sorted.at(-1)) };
}
