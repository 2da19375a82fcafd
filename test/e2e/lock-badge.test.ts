import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { requirePrograms } from '#test/support/programs.ts';
import { launchBrowser, openStation } from './support/browser.ts';
import { Keyboard } from './support/scanner.ts';
import { buildScreens, resources, SERIALS, startStation, type StationUnderTest } from './support/station-under-test.ts';

/** Of a tile: what is under it is cut off. */
const FRAME_PX = 4;

describe.skipIf(!requirePrograms(['chromium']))('boards that wait for a badge, on the operator screen', () => {
  let files: string;
  let release: string;
  let browser: Browser;
  let under: StationUnderTest;
  let page: Page;
  let keyboard: Keyboard;

  beforeAll(async () => {
    files = await buildScreens();
    release = await mkdtemp(join(tmpdir(), 'flashline-badge-'));
    await cp(join(resources, 'demo', 'hello-nrf52840'), release, { recursive: true });
    const recipe = join(release, 'recipe.yaml');
    const locks = 'locks: [{ step: readout-protection }]\nlockRelease: [supervisor, process-engineer]\n';
    await writeFile(recipe, `${await readFile(recipe, 'utf8')}\n${locks}`);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all([files, release].map((folder) => rm(folder, { recursive: true })));
  });
  afterEach(async () => {
    await page.context().close();
    await under.close();
  });

  const slot = (id: number): Locator => page.locator(`[data-slot="${id}"]`);
  const wanted = (id: number): Locator => slot(id).locator('[data-part=badge-wanted]');
  const says = (text: string): Promise<void> =>
    page.locator('[data-part=instruction]').filter({ hasText: text }).waitFor();

  async function begin(slots: number, language: string): Promise<void> {
    under = await startStation({ files, pace: null, slots, release });
    ({ page } = await openStation(browser, under.url(), { language }));
    keyboard = await Keyboard.of(page);
    for (const [index, serial] of [SERIALS.pass, SERIALS.pass2].entries()) {
      await keyboard.scan(serial);
      await page.locator(`[data-slot="${index + 1}"][data-phase="ready"]`).waitFor();
    }
    await page.waitForTimeout(350);
    await keyboard.press('Enter');
    for (const id of [1, 2]) await wanted(id).waitFor();
  }

  /** All of the sentence is on the screen, and none of it over the button below. */
  async function expectReadable(id: number): Promise<void> {
    const [tile, text, abort] = await Promise.all(
      [slot(id), wanted(id), slot(id).locator('[data-part=abort]')].map((part) => part.boundingBox()),
    );
    if (!tile || !text || !abort) throw new Error('a part of the tile is not on the screen');
    expect(text.y).toBeGreaterThanOrEqual(tile.y);
    expect(text.x + text.width).toBeLessThanOrEqual(tile.x + tile.width);
    expect(text.y + text.height).toBeLessThanOrEqual(abort.y);
    expect(abort.y + abort.height).toBeLessThanOrEqual(tile.y + tile.height - FRAME_PX);
  }

  it.each([
    ['en-GB', 4, 'A supervisor or a process engineer scans a badge to lock this board.', 'Slots 1, 2'],
    ['zh-CN', 4, '请主管或工艺工程师刷工牌以锁定此板', '工位 1, 2'],
    ['en-GB', 16, 'Badge: supervisor', 'Slots 1, 2'],
  ])('say whose, refuse another’s, and go on together (%s, %i slots)', async (language, slots, sentence, named) => {
    await begin(slots, language);
    expect(await wanted(1).textContent()).toContain(sentence);
    await says(named);
    for (const id of [1, 2]) await expectReadable(id);
    await keyboard.scan('*BADGE:bench-operator*');
    await says('bench-operator');
    await wanted(2).waitFor();
    await keyboard.scan('*BADGE:bench-supervisor*');
    for (const id of [1, 2]) await page.locator(`[data-slot="${id}"][data-verdict="PASS"]`).waitFor();
    expect(await page.content()).not.toContain('*BADGE:');
  });
});
