import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { composeStation, noSamples } from '#main/app/compose.ts';
import { connectorOf } from '#main/app/compose-connector.ts';
import { realRandom } from '#main/app/compose-home.ts';
import { serveStation } from '#main/app/browser.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { zipOf } from '#test/support/plant/release-zip.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { launchBrowser, openStation } from './support/browser.ts';
import { unnamed, weakContrast, widerThanScreen } from './support/page-checks.ts';
import {
  type EnrolledStation,
  openPlantPage,
  PASSWORD,
  type PersonName,
  type PlantWithPages,
  RELEASE,
  startPlantWithPages,
} from './support/plant-with-pages.ts';
import { Keyboard } from './support/scanner.ts';
import { buildScreens, resources } from './support/station-under-test.ts';

const NEVER = new AbortController().signal;
const PRODUCT = { id: 'hello', revision: 'A', name: 'Hello board' };

describe.skipIf(!requirePrograms(['chromium']))('a plant at work, in Chromium at the real server', () => {
  let files: string;
  let browser: Browser;
  let plant: PlantWithPages;
  let station: EnrolledStation;
  let page: Page;
  let complaints: string[] = [];

  beforeAll(async () => {
    files = await buildScreens('vite.plant.config.ts');
    [browser, plant] = await Promise.all([launchBrowser(), startPlantWithPages(files)]);
    station = await plant.enrol('line-1');
    await station.send([{ serial: 'HB000001', uid: 'u1', product: PRODUCT }]);
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

  async function open(as: PersonName | null, path = '/', language = 'en-GB'): Promise<void> {
    const who = as === null ? {} : { as };
    ({ page, complaints } = await openPlantPage(browser, plant, { ...who, path, language }));
    await page.locator('[data-part=next]').waitFor();
  }
  const part = (name: string): Locator => page.locator(`[data-part=${name}]`);
  const row = (text: string): Locator => page.locator('tbody tr', { hasText: text });
  const button = (name: string): Locator => page.getByRole('button', { name, exact: true });
  const dialog = (): Locator => page.getByRole('dialog');
  const verdict = (name: string): Locator => page.locator(`[data-part=verdict][data-verdict=${name}]`);

  async function certificate(): Promise<{ jws: string; forged: string }> {
    const otto = await plant.as('otto');
    const { jws } = await otto.call('unit.certificate', { params: { product: PRODUCT.id, serial: 'HB000001' } });
    const [head = '', payload = '', signature = ''] = jws.split('.');
    const said = Buffer.from(payload, 'base64url').toString().replace('HB000001', 'HB000002');
    return { jws, forged: `${head}.${Buffer.from(said).toString('base64url')}.${signature}` };
  }

  /** As the clipboard gives it: at once, however long. */
  async function paste(text: string): Promise<void> {
    await button('Clear').click({ force: true });
    await page.getByLabel('Signed text').evaluate((field, pasted) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text', pasted);
      field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    }, text);
  }

  it('tells anybody what a pasted certificate is worth, and whoever may see the unit what was changed', async () => {
    const { jws, forged } = await certificate();
    ({ page, complaints } = await openPlantPage(browser, plant, { path: '/' }));
    await page.getByRole('link', { name: 'Check a certificate' }).click();
    await paste(jws.replaceAll(/.{72}/g, '$&\n'));
    await verdict('authentic').filter({ hasText: 'Signed by this plant’s key' }).waitFor();
    await part('certificate').filter({ hasText: 'HB000001' }).waitFor();
    expect(await part('compared').count()).toBe(0);
    await paste(forged);
    await verdict('changed').waitFor();
    await part('claims').filter({ hasText: 'HB000002' }).waitFor();
    await page.getByText('Sign in, or use a buyer’s link').waitFor();
    expect(await part('certificate').count()).toBe(0);
    for (const [text, is] of [
      [jws.slice(0, -20), 'truncated'],
      ['<html><body><h1>Certificate</h1></body></html>', 'other-file'],
      ['x'.repeat(10_000_000), 'too-large'],
      ['HB000001', 'no-certificate'],
    ] as const) {
      await paste(text);
      await verdict(is).waitFor();
    }
    const file = { name: 'certificate.jws', mimeType: 'application/jose', buffer: Buffer.from(jws) };
    await page.locator('input[type=file]').setInputFiles(file);
    await verdict('authentic').waitFor();
    await page.locator('input[type=file]').setInputFiles({ ...file, buffer: Buffer.alloc(10_000_000, 'A') });
    await verdict('too-large').waitFor();
    await page.context().close();

    const otto = await plant.as('otto');
    const { path } = await otto.call('buyer-link.create', { body: { products: [PRODUCT.id], note: 'ACME', days: 1 } });
    await open(null, path);
    await part('verify').click();
    await paste(forged);
    await row('Serial').filter({ hasText: 'HB000002' }).filter({ hasText: 'HB000001' }).waitFor();
    expect(await page.locator('tbody tr').count()).toBeGreaterThan(0);
    await page.context().close();

    await open('otto', '/verify', 'zh-CN');
    await page.getByLabel('签名文本').fill(forged);
    await button('验证').click();
    await verdict('changed').waitFor();
    const found = { wide: await page.evaluate(widerThanScreen), unnamed: await page.evaluate(unnamed) };
    expect({ ...found, weak: await page.evaluate(weakContrast) }).toEqual({ wide: [], unnamed: [], weak: [] });
  });

  it('makes a pool of numbers, sees who leases them, and says when they run out', async () => {
    await open('mia', '/numbers');
    await button('New pool').click();
    for (const [label, value] of [
      ['Name of the pool', 'Boards'],
      ['Text before the number', 'HB'],
      ['First', '1'],
      ['Last', '20'],
      ['Numbers in a block', '10'],
    ] as const)
      await dialog().getByLabel(label, { exact: true }).fill(value);
    await dialog().getByText('From HB000001 to HB000020').waitFor();
    await button('Create pool').click();
    const pool = page.locator('[data-pool=Boards]');
    await pool.getByText('No station has taken a block yet.').waitFor();
    const lease = (key: string) => station.client.call('station.lease', { body: { pool: 'Boards', key } });
    await lease('first-block');
    // The same question gets the same block.
    await lease('first-block');
    await page.reload();
    await pool.getByText('10 of 20 left').waitFor();
    expect(await pool.locator('tbody tr').count()).toBe(1);
    await row('line-1').filter({ hasText: 'HB000001 – HB000010' }).waitFor();
    await lease('second-block');
    await expect(lease('third-block')).rejects.toMatchObject({ failure: { code: 'numbers-used-up' } });
    await page.reload();
    await part('next').filter({ hasText: 'Nearly used up: Boards' }).waitFor();
    await pool.getByText('0 of 20 left').waitFor();
    await page.locator('[data-page=pools]', { hasText: '1' }).waitFor();
  });

  it('shows what became of a pool’s numbers, from the keyboard', async () => {
    const mia = await plant.as('mia');
    const range = { prefix: 'RP', digits: 6, first: 1, last: 30, block: 10 };
    await mia.call('pool.create', { body: { id: 'Reported', kind: 'serial', product: null, ...range } });
    for (const key of ['first-block', 'second-block'])
      await station.client.call('station.lease', { body: { pool: 'Reported', key } });
    const leased = (await mia.call('pool.list')).find(({ id }) => id === 'Reported');
    const lease = leased?.leases.find(({ first }) => first === 1)?.lease ?? '';
    await station.client.call('station.return-lease', { params: { lease }, body: { next: 5, over: true } });
    await station.send([{ serial: 'RP000003', uid: 'u3', product: PRODUCT }]);
    await open('mia', '/numbers');
    const pool = page.locator('[data-pool=Reported]');
    await pool.getByRole('button', { name: 'What became of them' }).focus();
    await page.keyboard.press('Enter');
    const rows = pool.getByRole('table', { name: 'Numbers of Reported' }).locator('tbody tr');
    await rows.last().waitFor();
    const told = async () =>
      Promise.all((await rows.all()).map(async (each) => (await each.locator('td').allTextContents()).join(' | ')));
    expect(await told()).toEqual([
      'void | RP000001 – RP000002 | 2 | line-1',
      'used | RP000003 | 1 | –',
      'void | RP000004 | 1 | line-1',
      'returned | RP000005 – RP000010 | 6 | –',
      'with a station | RP000011 – RP000020 | 10 | line-1',
      'open | RP000021 – RP000030 | 10 | –',
    ]);
    await pool.getByText('used: 1 · void: 3 · with a station: 10 · returned: 6 · open: 10').waitFor();
    // To the choice, and in it to `void`.
    await page.keyboard.press('Tab');
    await page.keyboard.type('void');
    expect(await told()).toEqual(['void | RP000001 – RP000002 | 2 | line-1', 'void | RP000004 | 1 | line-1']);
    const found = { wide: await page.evaluate(widerThanScreen), unnamed: await page.evaluate(unnamed) };
    expect({ ...found, weak: await page.evaluate(weakContrast) }).toEqual({ wide: [], unnamed: [], weak: [] });
  });

  it('shows what the plant signs with, marks what only tries, and bounds and stops a key', async () => {
    await plant.makeKey('unit-data');
    const sign = (request: string) =>
      station.client.call('station.sign', {
        body: {
          request,
          key: 'unit-data',
          product: PRODUCT.id,
          release: RELEASE,
          serial: 'HB000041',
          uid: null,
          algorithm: 'ecdsa-p256-sha256',
          digest: 'ab'.repeat(32),
        },
      });
    await sign('request-number-1');
    await open('mia', '/keys');
    await part('next').filter({ hasText: 'For trying only: unit-data' }).waitFor();
    expect(await button('Switch off').count()).toBe(0);
    await open('ada', '/keys');
    await row('unit-data').filter({ hasText: '1 of 5' }).filter({ hasText: 'development' }).waitFor();
    await button('Signatures').click();
    await row('HB000041').filter({ hasText: 'line-' }).waitFor();
    await row('unit-data').getByRole('button', { name: 'Change' }).click();
    await dialog().getByLabel('Signatures in all').fill('1');
    await dialog().getByLabel('Stations', { exact: true }).fill('line-1, line-9');
    await dialog().getByRole('button', { name: 'Change' }).click();
    await row('unit-data').filter({ hasText: 'line-1, line-9' }).filter({ hasText: 'used up' }).waitFor();
    await expect(sign('request-number-2')).rejects.toMatchObject({ failure: { code: 'signing-refused' } });
    await row('unit-data').getByRole('button', { name: 'Switch off' }).click();
    await dialog().getByRole('button', { name: 'Switch off' }).click();
    await row('unit-data').filter({ hasText: 'switched off' }).waitFor();
    await page.goto(`${plant.url}/audit`);
    await row('changed what a key signs').first().waitFor();
    await row('was refused a signature').filter({ hasText: 'line-1' }).waitFor();
  });

  it('finds what does not fit together over all stations, and keeps who settled it', async () => {
    const other = await plant.enrol('line-2');
    await station.send([{ serial: 'HB000011', uid: 'board a', macs: ['02:00:5e:00:53:11'], product: PRODUCT }]);
    await other.send([
      { serial: 'HB000011', uid: 'board b', product: PRODUCT },
      { serial: 'HB000012', uid: 'board a', product: PRODUCT },
      { serial: 'HB000013', uid: 'board c', macs: ['02:00:5e:00:53:11'], product: PRODUCT },
    ]);
    await open('otto', '/findings');
    for (const [what, serial] of [
      ['One serial passed on two boards', 'HB000011'],
      ['One board passed under two serials', 'HB000012'],
      ['One MAC address is on two boards', 'HB000013'],
    ] as const)
      await row(what).filter({ hasText: serial }).waitFor();
    const mine = row('One serial passed on two boards');
    await mine.getByRole('button', { name: 'Settle' }).click();
    await dialog().getByLabel('What it was').fill('label printed twice');
    await dialog().getByRole('button', { name: 'Settle' }).click();
    await mine.waitFor({ state: 'detached' });
    await page.getByLabel('Show').selectOption({ label: 'All' });
    await mine.filter({ hasText: 'Settled by otto' }).waitFor();
    await page.goto(`${plant.url}/audit`);
    await row('settled a finding').filter({ hasText: 'otto' }).waitFor();
    expect(await page.locator('[data-page=findings]').textContent()).toContain('2');
  });

  it('ends a person’s sessions at once when he is switched off', async () => {
    const his = await openPlantPage(browser, plant, { as: 'sue', path: '/orders' });
    await his.page.locator('h1', { hasText: 'Orders' }).waitFor();
    await open('ada', '/users');
    await row('sue').getByRole('button', { name: 'Switch off' }).click();
    await dialog().getByRole('button', { name: 'Switch off' }).click();
    await row('sue').getByText('switched off').waitFor();
    await his.page.reload();
    await his.page.getByLabel('Password').fill(PASSWORD);
    await his.page.getByLabel('Name').fill('sue');
    await his.page.keyboard.press('Enter');
    await his.page.locator('[data-code=sign-in-refused]').waitFor();
    await row('sue').getByRole('button', { name: 'Switch on' }).click();
    await dialog().getByRole('button', { name: 'Switch on' }).click();
    await row('sue').getByRole('button', { name: 'Switch off' }).waitFor();
    await his.page.getByLabel('Password').fill(PASSWORD);
    await his.page.keyboard.press('Enter');
    await his.page.locator('h1', { hasText: 'Orders' }).waitFor();
    expect(his.complaints).toEqual([]);
    await his.page.context().close();
  });

  it('withdraws a release, which a station refuses from its next visit on, and says so', async () => {
    const { digest } = await publishDemo();
    const home = await mkdtemp(join(tmpdir(), 'flashline-e2e-home-'));
    const screens = await buildScreens();
    const ada = await plant.as('ada');
    const { code } = await ada.call('station.invite', { body: { name: 'line-3' } });
    expect(await cliHere(['sync', 'enrol', '--plant', plant.url, '--code', code], { home })).toMatchObject({ code: 0 });
    const composed = await composeStation({
      resources,
      home,
      appVersion: '0.0.0-test',
      mode: 'probes',
      release: 'plant:hello-nrf52840',
      // Nobody is there: nothing is run.
      slots: [{ id: '1', name: '1', probe: 'gdb:tcp:127.0.0.1:9' }],
      samples: noSamples,
      autoStart: false,
      connect: connectorOf({ pace: null }),
      warn: (failure) => process.stderr.write(`${JSON.stringify(failure)}\n`),
    });
    const { station: line, sync } = composed;
    const server = await serveStation({ station: line, sync, port: 0, files: screens, random: realRandom });
    const screen = await openStation(browser, server.url);
    try {
      const says = (text: string) => screen.page.locator('body').filter({ hasText: text }).waitFor();
      const keyboard = await Keyboard.of(screen.page);
      await keyboard.scan('HB000101');
      await screen.page.locator('[data-slot="1"]', { hasText: 'HB000101' }).waitFor();

      await open('otto', '/releases');
      await row('hello-nrf52840').getByRole('button', { name: 'Withdraw' }).click();
      await dialog().getByLabel('Reason').fill('wrong bootloader');
      await dialog().getByRole('button', { name: 'Withdraw' }).click();
      await row('hello-nrf52840').locator('[data-column=state]', { hasText: 'withdrawn' }).waitFor();
      // Until it hears of it, it works on.
      expect(() => line.scan({ code: 'HB000102', slot: '1' })).not.toThrow();
      expect((await sync.now(NEVER)).failure).toBeNull();
      await keyboard.scan('HB000103');
      await says('withdrawn');
      // A board that was in the fixture by then is not flashed either.
      await line.runSlot({ slot: '1', rework: false });
      expect(JSON.stringify(line.state().slots)).toContain('release-withdrawn');
      expect(sync.book?.document?.withdrawn).toContain(digest);
      expect(screen.complaints).toEqual([]);
    } finally {
      await screen.page.context().close();
      await server.close();
      await composed.close();
      for (const folder of [home, screens]) await rm(folder, { recursive: true });
    }
  });

  /** Uploaded, approved and published, by two people. */
  async function publishDemo(): Promise<{ digest: string }> {
    const demo = join(resources, 'demo', 'hello-nrf52840');
    const names = ['recipe.yaml', 'hello.hex'];
    const body = await zipOf(
      await Promise.all(names.map(async (path) => ({ path, bytes: new Uint8Array(await readFile(join(demo, path))) }))),
    );
    const answer = await (await plant.as('mia')).call('release.upload', { body });
    const otto = await plant.as('otto');
    for (const act of ['release.approve', 'release.publish'] as const)
      await otto.call(act, { params: { digest: answer.digest } });
    return answer;
  }
});
