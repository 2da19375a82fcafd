import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { serveHost } from '#main/app/browser.ts';
import { realRandom } from '#main/app/compose-home.ts';
import { unsignedPlace } from '#main/app/compose-release.ts';
import { hostOpening } from '#main/app/host.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { launchBrowser, openStation } from './support/browser.ts';
import { Desk, ENROLLED } from './support/plant-desk.ts';
import { Keyboard } from './support/scanner.ts';
import { buildScreens, resources, SERIALS, startStation, type StationUnderTest } from './support/station-under-test.ts';

describe.skipIf(!requirePrograms(['chromium']))('the station’s log and plant pages in Chromium', () => {
  let files: string;
  let browser: Browser;
  let under: StationUnderTest;
  let desk: Desk;
  let page: Page;
  let keyboard: Keyboard;
  let complaints: string[];

  beforeAll(async () => {
    files = await buildScreens();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await rm(files, { recursive: true });
  });
  beforeEach(async () => {
    desk = new Desk();
    under = await startStation({ files, pace: null, sync: desk });
    await open('en-GB');
  });
  afterEach(async () => {
    await page.context().close();
    await under.close();
    if (complaints.length > 0) throw new Error(`the page complained: ${complaints.join('; ')}`);
  });

  async function open(language: string): Promise<void> {
    ({ page, complaints } = await openStation(browser, under.url(), { language }));
    keyboard = await Keyboard.of(page);
  }
  const part = (name: string): Locator => page.locator(`[data-part="${name}"]`);
  const says = (text: string): Promise<void> => part('instruction').filter({ hasText: text }).waitFor();
  const plantSays = (tone: string, text: string): Promise<void> =>
    page.locator(`[data-part=plant][data-tone=${tone}]`, { hasText: text }).waitFor();
  const shown = (): Promise<string[]> =>
    page.locator('[data-record]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-verdict') ?? ''));

  async function flash(serial: string, slot: string): Promise<void> {
    under.station.scan({ code: serial, slot });
    await under.station.runSlot({ slot, rework: false });
  }

  it('says in both languages how far its log is mended, large, and is the station once that is done', async () => {
    const host = hostOpening();
    host.opening({ step: 'mend', percent: 41 });
    const server = await serveHost(host, { files, port: 0, random: realRandom });
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, locale: 'zh-CN' });
    const waiting = await context.newPage();
    try {
      await waiting.goto(server.url);
      const opening = waiting.locator('[data-page=opening]');
      await opening.filter({ hasText: '41 %' }).waitFor();
      host.opening({ step: 'mend', percent: 42 });
      await opening.filter({ hasText: '42 %' }).filter({ hasText: 'is being mended' }).waitFor();
      await opening.locator('[lang=zh-CN]', { hasText: '正在修复' }).waitFor();
      const sizes = await opening.locator('[lang]').evaluateAll((all) =>
        all.map((each) => ({
          px: parseFloat(getComputedStyle(each).fontSize),
          bottom: each.getBoundingClientRect().bottom,
        })),
      );
      expect(sizes.map(({ px, bottom }) => px >= 40 && bottom <= 720)).toEqual([true, true]);
      const shot = process.env['FLASHLINE_SHOT_OPENING'];
      if (shot !== undefined) await waiting.screenshot({ path: shot });
      host.opened(under.station);
      await waiting.locator('[data-connection=open] [data-slot]').first().waitFor();
    } finally {
      await context.close();
      await server.close();
    }
  });

  it('says before Start that nobody signed the release, by whose leave it runs, and when it does not', async () => {
    const home = await mkdtemp(join(tmpdir(), 'flashline-unsigned-e2e-'));
    const release = join(resources, 'demo', 'hello-nrf51822');
    // Nobody listens there: no unit is ever touched.
    const real = await startStation({ files, pace: null, home, release, slots: 2, probe: 'gdb:tcp:127.0.0.1:1' });
    const shown = await openStation(browser, real.url(), { language: 'en-GB' });
    const place = unsignedPlace(home);
    const say = (value: string): void => {
      place.write({ name: 'release.unsigned', value, by: 'jan', at: '2026-03-01T08:00:00.000Z' });
      real.station.plantChanged();
    };
    const note = (rule: string): Locator => shown.page.locator(`[data-part=unsigned][data-rule=${rule}]`);
    try {
      await note('not-set-up').waitFor();
      say('allow');
      await note('allowed').filter({ hasText: 'Allowed by jan since' }).filter({ hasText: '2026' }).waitFor();
      const shot = process.env['FLASHLINE_SHOT'];
      if (shot !== undefined) await shown.page.screenshot({ path: shot });
      say('refuse');
      await note('refused').waitFor();
      expect(real.station.scan({ code: 'HB000001' }).outcome).toBe('refused');
      expect(shown.complaints).toEqual([]);
    } finally {
      await shown.page.context().close();
      await real.close();
      await rm(home, { recursive: true });
    }
  });

  it('finds a board’s history by a scan, shows what was proven, and goes back by Esc', async () => {
    await flash(SERIALS.pass, '1');
    await flash(SERIALS.fail, '2');
    await flash(SERIALS.pass, '3');
    await keyboard.press('F3');
    await says('the newest runs');
    await page.locator('[data-record]').nth(2).waitFor();
    expect(await shown()).toEqual(['ERROR', 'FAIL', 'PASS']);

    await keyboard.scan(SERIALS.pass);
    await says(`All runs of ${SERIALS.pass}`);
    expect(await shown()).toEqual(['ERROR', 'PASS']);
    await part('record').filter({ hasText: 'already' }).waitFor();
    await keyboard.press('ArrowDown');
    await part('record').filter({ hasText: 'read back and equal' }).waitFor();
    const [record] = await under.station.records({ serial: SERIALS.pass, limit: 1 });
    expect(await part('record').textContent()).toContain(record?.images[0]?.sha256.expected);

    await keyboard.scan(record?.images[0]?.sha256.expected ?? '');
    await says('Runs found by');
    expect(await shown()).toEqual(['ERROR', 'FAIL', 'PASS']);

    await keyboard.scan('<b>NOBODY</b>');
    await says('Nothing here about <b>NOBODY</b>');
    await keyboard.press('Escape');
    await page.locator('[data-slot]').first().waitFor();
    expect(under.station.state().slots.some(({ phase }) => phase === 'ready')).toBe(false);
  });

  it('shows every slot’s verdict while something is looked up', async () => {
    await keyboard.press('F3');
    await page.locator('[data-light=empty]').nth(3).waitFor();
    await flash(SERIALS.pass, '2');
    const light = page.locator('[data-light=PASS]');
    await light.waitFor();
    expect(await light.getAttribute('aria-label')).toBe('Slot 2: PASS');
  });

  it('says on every page how it stands with the plant', async () => {
    await plantSays('rest', 'No plant');
    desk.tell(ENROLLED);
    await plantSays('rest', 'Plant has all records');
    desk.tell({ ...ENROLLED, phase: 'waiting', pending: 12 });
    await plantSays('note', '12 wait');
    await keyboard.press('F3');
    await plantSays('note', 'Works alone until');
    desk.tell({ ...ENROLLED, phase: 'waiting', leaseUntil: '2026-01-01T00:00:00.000Z' });
    await plantSays('alarm', 'Not allowed to work alone');
    await keyboard.press('F4');
    await plantSays('alarm', 'Not allowed to work alone');
    expect(await page.locator('[data-page=plant]').count()).toBe(1);
  });

  it('binds the station to a plant with a code, and says why a code is not taken', async () => {
    await keyboard.press('F4');
    await says('Bind it to a plant');
    const url = page.getByLabel('Address');
    await url.fill('https://plant.example');
    await page.getByLabel('One-time code').fill('FL1-USED');
    await keyboard.press('Enter');
    await page.getByRole('alert').filter({ hasText: 'used already' }).waitFor();
    await page.getByLabel('One-time code').fill('FL1-GOOD');
    await page.getByLabel('One-time code').press('Enter');
    await says('go to the plant by themselves');
    await page.getByText('412 numbers left').waitFor();
    await part('sync-now').click();
    await expect.poll(() => desk.asked).toContain('now');
  });

  it.each(['en-GB', 'zh-CN'])('fits 1280 by 720 without a word cut off (%s)', async (language) => {
    await page.context().close();
    await open(language);
    await flash(SERIALS.fail, '1');
    desk.tell({ ...ENROLLED, phase: 'waiting', pending: 12_345 });
    for (const key of ['F3', 'F4']) {
      await keyboard.press(key);
      await page.locator(`[data-page=${key === 'F3' ? 'log' : 'plant'}]`).waitFor();
      const over = await page.evaluate(() => ({
        page: document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight,
        cut: [...document.querySelectorAll('button')]
          .filter(
            (button) => button.scrollWidth > button.clientWidth + 1 || button.scrollHeight > button.clientHeight + 1,
          )
          .map((button) => button.textContent),
      }));
      expect(over).toEqual({ page: false, cut: [] });
    }
  });
});
