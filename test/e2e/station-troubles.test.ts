import { rm } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { Troubles } from '#main/station/troubles.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { launchBrowser, openStation } from './support/browser.ts';
import { Keyboard } from './support/scanner.ts';
import { buildScreens, SERIALS, startStation } from './support/station-under-test.ts';

const FILE = '/var/lib/flashline/station-damaged-2026-12-01.db';
const aside = new FlashlineError('log-set-aside', { params: { file: FILE, detail: 'the disk image is malformed' } });
const lost = new FlashlineError('log-end-lost', { params: { first: '4711', last: '4720' } });

describe.skipIf(!requirePrograms(['chromium']))('what is wrong with the station itself', () => {
  let files: string;
  let browser: Browser;
  beforeAll(async () => {
    files = await buildScreens();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await rm(files, { recursive: true });
  });

  it.each(['en-GB', 'zh-CN'])(
    'is at the side with whom to call, one after the other until each was seen (%s)',
    async (language) => {
      const troubles = new Troubles();
      troubles.add(aside.failure);
      const under = await startStation({ files, pace: null, troubles });
      troubles.changed = () => under.station.plantChanged();
      const { page, complaints } = await openStation(browser, under.url(), { language });
      try {
        for (const [slot, serial] of [SERIALS.pass, SERIALS.fail, SERIALS.error].entries()) {
          under.station.scan({ code: serial, slot: String(slot + 1) });
          await under.station.runSlot({ slot: String(slot + 1), rework: false });
        }
        const box = page.locator('[data-part=trouble]');
        await box.filter({ hasText: 'station-damaged-2026-12-01.db' }).waitFor();
        troubles.add(lost.failure);
        await box.filter({ hasText: '2' }).waitFor();
        await page.locator('[data-slot="3"][data-phase=finished]').waitFor();
        const shot = process.env['FLASHLINE_SHOT_TROUBLES'];
        if (shot !== undefined) await page.screenshot({ path: `${shot}-${language}.png` });
        const side = await page
          .locator('aside')
          .evaluate(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight);
        expect(side).toBeLessThanOrEqual(0);
        const seen = box.getByRole('button');
        const size = await seen.boundingBox();
        expect(Math.min(size?.width ?? 0, size?.height ?? 0)).toBeGreaterThanOrEqual(75.5);
        // By the keyboard alone: one after the other.
        const keyboard = await Keyboard.of(page);
        await seen.focus();
        await keyboard.press('Enter');
        await page.locator('[data-code=log-end-lost]').waitFor();
        await seen.focus();
        await keyboard.press('Enter');
        await box.waitFor({ state: 'detached' });
        expect(under.station.state().troubles).toBeUndefined();
      } finally {
        await page.context().close();
        await under.close();
      }
      expect(complaints).toEqual([]);
    },
  );
});
