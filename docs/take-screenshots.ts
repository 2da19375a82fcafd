/**
 * Takes the README's pictures: the real station on the bench, and the real plant, in a real browser.
 * Run: node docs/take-screenshots.ts [FOLDER]
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { FlashlineError } from '../src-shared/model/failure.ts';
import { Troubles } from '../src-main/station/troubles.ts';
import { launchBrowser, openStation } from '../test/e2e/support/browser.ts';
import { Desk, ENROLLED } from '../test/e2e/support/plant-desk.ts';
import { Keyboard } from '../test/e2e/support/scanner.ts';
import { buildScreens, SERIALS, startStation } from '../test/e2e/support/station-under-test.ts';
import { plantPictures } from './take-plant-screenshots.ts';

const images = join(import.meta.dirname, 'images');
const only = process.argv[2];
/** The plant was last heard of this long before. */
const AWAY_MS = 5 * 3_600_000;

const files = await buildScreens();
const plantFiles = await buildScreens('vite.plant.config.ts');
const browser = await launchBrowser();
try {
  for (const [name, language] of [
    ['en', 'en-GB'],
    ['zh-CN', 'zh-CN'],
  ] as const)
    await pictures(name, language);
  await manySlots();
  await troubled();
  await stationPages();
  await plantPictures(browser, plantFiles, only ?? images);
} finally {
  await browser.close();
  await rm(files, { recursive: true });
  await rm(plantFiles, { recursive: true });
}

async function pictures(name: string, language: string): Promise<void> {
  const under = await startStation({ files, pace: 0.15 });
  const { page } = await openStation(browser, under.url(), { language });
  const keyboard = await Keyboard.of(page);
  const shoot = (what: string): Promise<unknown> =>
    page.screenshot({ path: join(only ?? images, `operator-${what}-${name}.png`) });
  try {
    await keyboard.scan(SERIALS.pass);
    await phase(page, '1', 'ready');
    await keyboard.scan(SERIALS.wrong);
    await page.locator('[data-part=instruction]', { hasText: SERIALS.wrong }).waitFor();
    await wait(400);
    await keyboard.press('Enter');
    await page.locator('[data-slot="1"] [data-step=program][data-state=now]').waitFor();
    await page.locator('[data-slot="1"]', { hasText: '20 ' }).waitFor();
    await shoot('running');
    await phase(page, '1', 'finished');
    await shoot('pass');
    for (const [slot, serial] of [
      ['2', SERIALS.fail],
      ['3', SERIALS.error],
      ['4', SERIALS.pass],
    ] as const) {
      await keyboard.scan(serial);
      await phase(page, slot, 'ready');
      await wait(400);
      await keyboard.press('Enter');
      await phase(page, slot, 'finished');
      if (slot === '2') await shoot('fail');
      if (slot === '3') await shoot('error');
    }
    await shoot('passed-before');
  } finally {
    await page.context().close();
    await under.close();
  }
}

/** A gang: sixteen slots in view at once. */
async function manySlots(): Promise<void> {
  const under = await startStation({ files, pace: null, slots: 16 });
  const { page } = await openStation(browser, under.url(), { language: 'en-GB' });
  const keyboard = await Keyboard.of(page);
  try {
    const serials = [SERIALS.pass, SERIALS.pass2, SERIALS.fail, 'HB000011', SERIALS.error, 'HB000012', 'HB000013'];
    for (const [index, serial] of serials.entries()) {
      const slot = String(index + 1);
      await keyboard.scan(serial);
      await phase(page, slot, 'ready');
      await wait(400);
      await keyboard.press('Enter');
      await phase(page, slot, 'finished');
    }
    await keyboard.scan('HB000014');
    await phase(page, '8', 'ready');
    await page.screenshot({ path: join(only ?? images, 'operator-many-slots-en.png') });
  } finally {
    await page.context().close();
    await under.close();
  }
}

/** Work goes on, but the station itself needs somebody. */
async function troubled(): Promise<void> {
  const troubles = new Troubles();
  const params = { file: 'station-damaged-2027-03-01.db', detail: 'the disk image is malformed' };
  troubles.add(new FlashlineError('log-set-aside', { params }).failure);
  const under = await startStation({ files, pace: null, troubles });
  const { page } = await openStation(browser, under.url(), { language: 'en-GB' });
  try {
    await page.locator('[data-part=trouble]').waitFor();
    await page.screenshot({ path: join(only ?? images, 'operator-trouble-en.png') });
  } finally {
    await page.context().close();
    await under.close();
  }
}

/** What stands beside the operator's page: the unit log, and the plant while it is out of reach. */
async function stationPages(): Promise<void> {
  const desk = new Desk();
  const under = await startStation({ files, pace: null, sync: desk });
  const { page } = await openStation(browser, under.url(), { language: 'en-GB' });
  const keyboard = await Keyboard.of(page);
  const shoot = (what: string): Promise<unknown> =>
    page.screenshot({ path: join(only ?? images, `station-${what}-en.png`) });
  try {
    for (const [index, code] of [SERIALS.pass, SERIALS.fail, SERIALS.error, SERIALS.pass].entries()) {
      const slot = String(index + 1);
      under.station.scan({ code, slot });
      await under.station.runSlot({ slot, rework: false });
    }
    const since = new Date(Date.now() - AWAY_MS).toISOString();
    desk.tell({ ...ENROLLED, phase: 'waiting', pending: 128, oldestAt: since, lastContactAt: since });
    await keyboard.press('F3');
    await page.locator('[data-record]').nth(3).waitFor();
    for (const _ of [1, 2, 3]) await keyboard.press('ArrowDown');
    await wait(200);
    await shoot('log');
    await keyboard.press('F4');
    await page.locator('[data-page=plant]').waitFor();
    await shoot('plant');
  } finally {
    await page.context().close();
    await under.close();
  }
}

function phase(page: Page, slot: string, wanted: string): Promise<void> {
  return page.locator(`[data-slot="${slot}"][data-phase="${wanted}"]`).waitFor();
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
