import { rm } from 'node:fs/promises';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { requirePrograms } from '#test/support/programs.ts';
import { launchBrowser, openStation } from './support/browser.ts';
import { Keyboard } from './support/scanner.ts';
import { buildScreens, SERIALS, startStation, type StationUnderTest } from './support/station-under-test.ts';

/** Letters of 17 mm at 96 dpi, and the least that a longer word may have beside its colour and icon. */
const LEGIBLE_PX = 64;
const LONG_WORD_PX = 32;

describe.skipIf(!requirePrograms(['chromium']))('sixteen slots on one screen', () => {
  let files: string;
  let browser: Browser;
  let under: StationUnderTest;
  let page: Page;
  let keyboard: Keyboard;

  beforeAll(async () => {
    files = await buildScreens();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await rm(files, { recursive: true });
  });
  afterEach(async () => {
    await page.context().close();
    await under.close();
  });

  const slot = (id: number): Locator => page.locator(`[data-slot="${id}"]`);

  async function begin(language: string): Promise<void> {
    under = await startStation({ files, pace: null, slots: 16 });
    ({ page } = await openStation(browser, under.url(), { language }));
    keyboard = await Keyboard.of(page);
  }

  /** One board after the other, each on the next free slot. */
  async function flash(serial: string, id: number): Promise<void> {
    await keyboard.scan(serial);
    await page.locator(`[data-slot="${id}"][data-phase="ready"]`).waitFor();
    await page.waitForTimeout(350);
    await keyboard.press('Enter');
    await page.locator(`[data-slot="${id}"][data-phase="finished"]`).waitFor();
  }

  it.each(['en-GB', 'zh-CN'])(
    'are all in view, each verdict a word that fits, the reasons at the side (%s)',
    async (language) => {
      await begin(language);
      await flash(SERIALS.pass, 1);
      await flash(SERIALS.fail, 2);
      await flash(SERIALS.error, 3);
      for (let id = 1; id <= 16; id++) {
        const box = await slot(id).boundingBox();
        expect(box !== null && box.y + box.height <= 720 && box.x + box.width <= 1280).toBe(true);
      }
      for (const [id, least] of [
        [1, language === 'en-GB' ? LEGIBLE_PX : LONG_WORD_PX],
        [2, language === 'en-GB' ? LEGIBLE_PX : LONG_WORD_PX],
        [3, LONG_WORD_PX],
      ] as const) {
        const fits = await slot(id)
          .locator('[data-part=verdict]')
          .evaluate((word) => {
            const tile = word.closest('[data-slot]');
            const size = Number.parseFloat(getComputedStyle(word).fontSize);
            const inside = tile !== null && word.getBoundingClientRect().right <= tile.getBoundingClientRect().right;
            return { size, inside };
          });
        expect(fits.inside).toBe(true);
        expect(fits.size).toBeGreaterThanOrEqual(least);
      }
      const findings = page.locator('[data-part=findings]');
      await findings.getByText('verify-mismatch').waitFor();
      await findings.getByText('no-target').waitFor();
      expect(await findings.evaluate((panel) => panel.scrollWidth <= panel.clientWidth)).toBe(true);
    },
  );
});
