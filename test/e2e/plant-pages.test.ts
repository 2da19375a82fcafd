import { rm } from 'node:fs/promises';
import type { Browser, Locator, Page } from 'playwright-core';
import { compactVerify, importJWK } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Certificate } from '#shared/contract/plant/web-messages.ts';
import { FAILED } from '#test/support/plant-chain.ts';
import { releaseZip } from '#test/support/plant/release-zip.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { launchBrowser } from './support/browser.ts';
import { PAGES, unnamed, weakContrast, widerThanScreen } from './support/page-checks.ts';
import {
  type EnrolledStation,
  openPlantPage,
  PASSWORD,
  type PersonName,
  type PlantWithPages,
  startPlantWithPages,
} from './support/plant-with-pages.ts';
import { Keyboard } from './support/scanner.ts';
import { buildScreens } from './support/station-under-test.ts';

const hex = (character: string): string => character.repeat(64);
const HTML = '<img src=x onerror=alert(1)>';
const FORMULA = '=HYPERLINK("http://x","y")';

describe.skipIf(!requirePrograms(['chromium']))('the plant’s pages in Chromium, at the real server', () => {
  let files: string;
  let browser: Browser;
  let plant: PlantWithPages;
  let station: EnrolledStation;
  let page: Page;
  let complaints: string[] = [];

  const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

  beforeAll(async () => {
    files = await buildScreens('vite.plant.config.ts');
    [browser, plant] = await Promise.all([launchBrowser(), startPlantWithPages(files)]);
    station = await plant.enrol('line-1');
    const image = (version: string, character: string) => ({
      role: 'application' as const,
      version,
      address: 0,
      size: 4096,
      sha256: { expected: hex(character), readBack: hex(character) },
    });
    await station.send([
      { serial: 'HB000001', uid: 'u1', ...FAILED, finishedAt: minutesAgo(9) },
      { serial: 'HB000001', uid: 'u1', finishedAt: minutesAgo(8), macs: ['02:00:5e:00:53:01'], batch: 'lot 7' },
      { serial: 'HB000002', uid: 'u2', finishedAt: minutesAgo(7), images: [image('1.4.1', 'd')] },
      { serial: 'HB000002', uid: 'u2', finishedAt: minutesAgo(6), rework: true },
      {
        serial: HTML,
        uid: 'u3',
        operator: HTML,
        station: HTML,
        product: { id: HTML, revision: HTML, name: HTML },
        finishedAt: minutesAgo(5),
      },
      { serial: FORMULA, uid: 'u4', finishedAt: minutesAgo(4), images: [image('1.4.1', 'd')] },
      { serial: 'HB000005', uid: 'u5', finishedAt: minutesAgo(3) },
      { serial: 'HB000005', uid: 'u6', finishedAt: minutesAgo(2) },
      {
        serial: 'OT000001',
        uid: 'u7',
        finishedAt: minutesAgo(1),
        product: { id: 'other', revision: 'A', name: 'Other' },
      },
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await plant?.close();
    await rm(files, { recursive: true });
  });
  afterEach(async () => {
    await page.context().close();
    if (complaints.length > 0) throw new Error(`the page complained: ${complaints.join('; ')}`);
  });

  async function open(as: PersonName, path = '/', more: { language?: string; clock?: boolean } = {}): Promise<void> {
    ({ page, complaints } = await openPlantPage(browser, plant, { as, path, ...more }));
    await page.locator('[data-part=next]').waitFor();
  }
  const part = (name: string): Locator => page.locator(`[data-part=${name}]`);
  const row = (text: string): Locator => page.locator('tbody tr', { hasText: text });
  const button = (name: string): Locator => page.getByRole('button', { name, exact: true });
  const dialog = (): Locator => page.getByRole('dialog');
  const heading = (text: string): Promise<void> => page.locator('h1', { hasText: text }).waitFor();

  it('signs in, says why not, and comes back to the page that was asked for', async () => {
    ({ page, complaints } = await openPlantPage(browser, plant, { path: '/?refused=not-allowed' }));
    await page.locator('[data-code=not-allowed]', { hasText: 'needs one of these roles' }).waitFor();
    await page.goto(`${plant.url}/stations`);
    await page.getByLabel('Name').fill('sue');
    await page.getByLabel('Password').fill('wrong');
    await page.keyboard.press('Enter');
    await page.locator('[data-code=sign-in-refused]', { hasText: 'Name or password is wrong' }).waitFor();
    await page.getByLabel('Password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await heading('Stations');
    expect(await page.locator('nav [data-page]').allTextContents()).not.toContain('People');

    // Somewhere else the session was ended: whatever is done next, the way back is one sign-in.
    await page.context().clearCookies();
    await page.locator('[data-page=home]').click();
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByLabel('Name').fill('sue');
    await page.keyboard.press('Enter');
    await heading('Today');
  });

  it('shows the yield with its formula, and ERROR and reasons apart', async () => {
    await open('sue', '/', { clock: true });
    const value = (name: string): Promise<string | null> =>
      page.locator(`[data-figure=${name}] [data-part=value]`).textContent();
    // A run of minutes ago may be one of yesterday.
    await page.getByLabel('Time', { exact: true }).selectOption('week');
    await page.locator('[data-figure=fpy]').waitFor();
    await page.getByText('Units by day').waitFor();
    expect(await value('attempted')).toBe('6');
    expect(await value('fpy')).toBe('83.3%');
    expect(await page.locator('[data-figure=fpy]').textContent()).toContain('5 / 6');
    expect(await value('final')).toBe('100.0%');
    await page.locator('[data-reasons=fails] [data-code=verify-mismatch]', { hasText: 'does not hold' }).waitFor();
    await page.locator('[data-todo=findings]').waitFor();
    await station.send([{ serial: 'HB000006', uid: 'u8', finishedAt: minutesAgo(0) }]);
    // By itself, every ten seconds.
    await page.clock.fastForward(10_000);
    await page.locator('[data-figure=attempted]', { hasText: '7' }).waitFor();
  });

  it('traces what is scanned, on any page: runs newest first, images, and the failure in words', async () => {
    await open('wei', '/find');
    const keyboard = await Keyboard.of(page);
    await page.getByLabel('Value').focus();
    await keyboard.scan('HB000001');
    await heading('HB000001');
    await part('summary').filter({ hasText: 'PASS' }).waitFor();
    expect(await page.locator('[data-run] > summary [data-verdict]').allTextContents()).toEqual(['PASS', 'FAIL']);
    expect(await page.locator('[data-run]').first().textContent()).toContain('✓ read back the same');
    const times = page.locator('[data-run] > summary time');
    expect(await times.first().textContent()).toContain('GMT+8');
    expect(await times.first().getAttribute('title')).toMatch(/UTC$/);
    await page.locator('[data-run]').nth(1).locator('summary').click();
    await page.locator('[data-part=run-failure]', { hasText: 'at 0x00026000 it reads 0xff' }).waitFor();
    await keyboard.scan('HB000005');
    await heading('HB000005');
    await page.locator('[data-finding=duplicate-serial]', { hasText: 'Set the unit aside' }).waitFor();
    await keyboard.scan('ZZ999999');
    await part('nothing').filter({ hasText: 'No station has sent a run of ZZ999999' }).waitFor();
  });

  it('shows HTML of records as the text that it is', async () => {
    await open('sue', `/trace?serial=${encodeURIComponent(HTML)}`);
    await page.locator('[data-run]').waitFor();
    expect(await page.locator('h1').textContent()).toContain(HTML);
    expect(await page.locator('[data-run] > summary').textContent()).toContain(`Station ${HTML}Operator ${HTML}`);
    expect(await page.locator('img').count()).toBe(0);
    await page.locator('[data-page=home]').click();
    await page.getByLabel('Time', { exact: true }).selectOption('week');
    await row(HTML).first().waitFor();
    expect(await page.locator('img').count()).toBe(0);
  });

  it('finds units by what is not their serial', async () => {
    await open('wei', '/find');
    await page.getByLabel('Find by').selectOption('mac');
    await page.getByLabel('Value').fill('02-00-5E-00-53-01');
    await page.keyboard.press('Enter');
    await row('HB000001').waitFor();
    await page.goto(`${plant.url}/find?by=batch&value=lot+7`);
    await row('HB000001').waitFor();
    expect(await page.locator('tbody tr').count()).toBe(1);
  });

  it('prints a certificate on one sheet, which a foreign library verifies', async () => {
    await open('otto', '/trace?serial=HB000001');
    await page.getByRole('link', { name: 'Certificate', exact: true }).click();
    await part('jws').waitFor();
    const text = (name: string): Promise<string> => part(name).evaluate((each) => (each.textContent ?? '').trim());
    const key = await importJWK({ kty: 'OKP', crv: 'Ed25519', x: await text('public-key') }, 'EdDSA');
    const { payload } = await compactVerify(await text('jws'), key);
    const said = Certificate.parse(JSON.parse(new TextDecoder().decode(payload)));
    expect(said).toMatchObject({ serial: 'HB000001', uid: 'u1', plant: 'Ulm' });
    const sheet = await text('certificate');
    for (const { sha256 } of said.images) expect(sheet).toContain(sha256);
    for (const format of ['A4', 'Letter']) {
      const pdf = await page.pdf({ format });
      expect(pdf.toString('latin1').match(/\/Type \/Page\b/g)).toHaveLength(1);
    }
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('nav').isVisible()).toBe(false);
    expect(await button('Print').isVisible()).toBe(false);
    expect(await part('jws').isVisible()).toBe(true);
  });

  it('recalls: what carries an image now, what did once, and all of it as harmless CSV', async () => {
    await open('otto', '/recall');
    await page.getByLabel('Value').fill(hex('d'));
    await page.keyboard.press('Enter');
    await part('total').filter({ hasText: '1 units carry it now; 1 of 2 did once' }).waitFor();
    await row('HB000002').filter({ hasText: 'not any more' }).waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), button('Download all as CSV').click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(Buffer.from(chunk));
    const csv = Buffer.concat(chunks).toString();
    expect(csv.split('\r\n')).toHaveLength(4);
    expect(csv).toContain(`"'=HYPERLINK(""http://x"",""y"")",hello-nrf52,u4`);
    expect(csv).toMatch(/HB000002,.*,no\r\n/);
  });

  it('takes a release from one person and approval from another, then makes an order of it', async () => {
    await open('mia', '/releases');
    const zip = { name: 'hello.zip', mimeType: 'application/zip', buffer: Buffer.from(await releaseZip()) };
    await page.locator('input[type=file]').setInputFiles({ ...zip, buffer: Buffer.from('no zip') });
    await page.locator('[data-code=package-invalid]').waitFor();
    await page.locator('input[type=file]').setInputFiles(zip);
    await row('hello-nrf52 1.4.2').filter({ hasText: 'somebody else must approve' }).waitFor();
    expect(await button('Approve').count()).toBe(0);
    const digest = (await row('hello-nrf52 1.4.2').getAttribute('data-row')) ?? '';
    const refused = await page.evaluate(
      async (path) => (await fetch(path, { method: 'POST' })).text(),
      `/api/v1/releases/${digest}/approve`,
    );
    expect(refused).toContain('second-person');
    await page.context().close();

    await open('otto', '/releases');
    await part('next').filter({ hasText: 'waits for your approval' }).waitFor();
    for (const [act, state] of [
      ['Approve', 'approved'],
      ['Publish', 'published'],
    ] as const) {
      await button(act).click();
      await dialog().getByRole('button', { name: act }).click();
      await row('hello-nrf52 1.4.2').locator('[data-column=state]', { hasText: state }).waitFor();
    }
    expect(await row('hello-nrf52 1.4.2').textContent()).toMatch(/Uploaded mia .*Approved otto /);
    await page.context().close();

    await open('sue', '/orders', { clock: true });
    await button('New order').click();
    await dialog().getByLabel('Work order').fill('WO 1');
    await dialog().getByLabel('Quantity').fill('2');
    await button('Create order').click();
    await row('WO 1').filter({ hasText: '0 of 2 passed' }).waitFor();
    await station.send(
      ['HB000031', 'HB000032'].map((serial) => ({ serial, uid: serial, order: 'WO 1', release: digest })),
    );
    await page.clock.fastForward(10_000);
    await row('WO 1').filter({ hasText: '2 of 2 passed' }).waitFor();
    await button('Close').click();
    await dialog().getByRole('button', { name: 'Close' }).click();
    await row('WO 1').filter({ hasText: 'closed' }).waitFor();
  });

  it('shows a buyer what is his, by a link, and nothing else', async () => {
    await open('otto', '/buyers');
    await button('New link').click();
    await dialog().getByLabel('For whom').fill('ACME');
    await dialog().getByLabel('Products').fill('hello-nrf52');
    await button('Make a link').click();
    const link = (await part('secret').textContent()) ?? '';
    await page.context().close();

    ({ page, complaints } = await openPlantPage(browser, plant, { path: new URL(link).pathname + new URL(link).hash }));
    const keyboard = await Keyboard.of(page);
    await page.getByLabel('Serial').waitFor();
    await keyboard.scan('HB000001');
    await part('certificate').filter({ hasText: 'HB000001' }).waitFor();
    await keyboard.scan('OT000001');
    await part('nothing').filter({ hasText: 'no unit OT000001' }).waitFor();
    expect(await page.locator('nav, a').count()).toBe(0);
    await page.goto(`${plant.url}/stations`);
    await page.getByLabel('Password').waitFor();
  });

  it('is walked by keyboard alone: from sign-in to a station’s code', async () => {
    ({ page, complaints } = await openPlantPage(browser, plant));
    await page.getByLabel('Name').waitFor();
    const keyboard = await Keyboard.of(page);
    await page.keyboard.type('ada');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await heading('Today');
    const tabTo = async (name: string): Promise<void> => {
      for (let tabs = 0; tabs < 60; tabs++) {
        await page.keyboard.press('Tab');
        const found = await page.evaluate(() => {
          const at = document.activeElement;
          if (!(at instanceof HTMLElement)) return null;
          return { text: at.innerText, outline: Number.parseFloat(getComputedStyle(at).outlineWidth) };
        });
        if (found?.text !== name) continue;
        expect(found.outline).toBeGreaterThanOrEqual(2);
        return;
      }
      throw new Error(`no ${name} is reached with Tab`);
    };
    // Not as fast as a scanner, whose codes go elsewhere.
    await page.keyboard.press('/');
    await keyboard.type('HB000001');
    await page.keyboard.press('Enter');
    await heading('HB000001');
    await tabTo('Stations');
    await page.keyboard.press('Enter');
    await heading('Stations');
    await tabTo('Invite a station');
    await page.keyboard.press('Enter');
    await dialog().waitFor();
    await keyboard.type('line-9');
    await page.keyboard.press('Enter');
    expect(await part('secret').textContent()).toMatch(/^FL1-/);
    await page.keyboard.press('Escape');
    await row('line-9').filter({ hasText: 'Enter its code at the station' }).waitFor();
    expect(await part('secret').count()).toBe(0);
  });

  it.each(['en-GB', 'zh-CN'])('fits 1280 × 720 on every page, is named and legible: %s', async (language) => {
    await open('ada', '/', { language });
    const texts: string[] = [];
    for (const path of PAGES) {
      await page.evaluate((to) => history.pushState(null, '', to), path);
      await part('next').waitFor();
      await page.waitForFunction(() => document.querySelector('[data-part=waiting]') === null);
      const found = { path, wide: await page.evaluate(widerThanScreen), unnamed: await page.evaluate(unnamed) };
      expect(found).toEqual({ path, wide: [], unnamed: [] });
      expect({ path, weak: await page.evaluate(weakContrast) }).toEqual({ path, weak: [] });
      texts.push(await page.locator('body').innerText());
    }
    expect(await page.locator('html').getAttribute('lang')).toBe(language === 'zh-CN' ? 'zh-CN' : 'en');
    // Keys without a text would show as themselves.
    expect(texts.join('\n')).not.toMatch(/\b(page|common|word|home|run|releases|stations|users|finding)\.[a-z_]+\b/);
    await part('language').click();
    await page.locator(`html[lang=${language === 'zh-CN' ? 'en' : 'zh-CN'}]`).waitFor();
  });

  it('says so when the server is gone, and recovers by itself', async () => {
    await open('sue', '/stations');
    await row('line-1').waitFor();
    await plant.stop();
    await page.locator('[data-page=orders]').click();
    await part('gone').filter({ hasText: 'does not answer' }).waitFor();
    await page.locator('[data-code=plant-unreachable]', { hasText: 'Stations go on working' }).first().waitFor();
    await plant.startAgain();
    await part('gone').waitFor({ state: 'detached' });
    await row('WO 1').waitFor();
    await part('problem').first().waitFor({ state: 'detached' });
    expect(await row('WO 1').isVisible()).toBe(true);
  });
});
