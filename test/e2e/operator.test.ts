import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startCli } from '#test/support/cli.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { launchBrowser, openStation } from './support/browser.ts';
import { Keyboard } from './support/scanner.ts';
import { buildScreens, SERIALS, startStation, type StationUnderTest } from './support/station-under-test.ts';

/** The same code twice within this time is one scan; in milliseconds. */
const REPEAT_MS = 2000;

/** Two heights of a verdict's letters: of 17 mm at 96 dpi, and of the screen's own measure. */
const LEGIBLE_PX = 64;
const VERDICT_PX = 96;

describe.skipIf(!requirePrograms(['chromium']))('the operator screen in Chromium, on the bench', () => {
  let files: string;
  let browser: Browser;
  let under: StationUnderTest;
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

  async function begin(pace: number | null = null, language = 'en-GB', home?: string): Promise<void> {
    under = await startStation({ files, pace, ...(home === undefined ? {} : { home }) });
    ({ page, complaints } = await openStation(browser, under.url(), { language }));
    keyboard = await Keyboard.of(page);
  }
  afterEach(async () => {
    await page.context().close();
    await under.close();
    if (complaints.length > 0) throw new Error(`the page complained: ${complaints.join('; ')}`);
  });

  const slot = (id: string): Locator => page.locator(`[data-slot="${id}"]`);
  const verdict = (id: string): Locator => slot(id).locator('[data-part=verdict]');
  const instruction = (): Locator => page.locator('[data-part=instruction]');
  const reaches = (id: string, phase: string): Promise<void> =>
    page.locator(`[data-slot="${id}"][data-phase="${phase}"]`).waitFor();
  const says = (text: string): Promise<void> => instruction().filter({ hasText: text }).waitFor();
  const pause = (ms: number): Promise<void> => page.waitForTimeout(ms);

  async function flash(serial: string, id = '1'): Promise<void> {
    await keyboard.scan(serial);
    await reaches(id, 'ready');
    // Longer than a scanner's second Enter may come after its code.
    await pause(350);
    await keyboard.press('Enter');
    await reaches(id, 'finished');
  }

  describe('verdicts', () => {
    beforeEach(() => begin());

    it('PASS: scan, Enter, and the word stays, large, until the next scan', async () => {
      await says('Scan a board’s barcode');
      await flash(SERIALS.pass);
      expect(await verdict('1').textContent()).toBe('PASS');
      await says('Take the good board off slot 1');
      const size = await verdict('1').evaluate((word) => Number.parseFloat(getComputedStyle(word).fontSize));
      expect(size).toBeGreaterThanOrEqual(VERDICT_PX);
      // Capital letters are 0.7 of the size or more in every sans-serif.
      expect(size * 0.7).toBeGreaterThanOrEqual(LEGIBLE_PX);
      const record = (await under.station.records({ serial: SERIALS.pass, limit: 1 }))[0];
      expect(record).toMatchObject({ verdict: 'PASS', serial: SERIALS.pass });
      for (const { sha256 } of record?.images ?? []) expect(sha256.readBack).toBe(sha256.expected);
      await pause(1500);
      expect(await verdict('1').textContent()).toBe('PASS');
    });

    it('FAIL: the board’s, with sentence, remedy, code, address and who acts', async () => {
      await flash(SERIALS.fail);
      expect(await verdict('1').textContent()).toBe('FAIL');
      const text = (await slot('1').textContent()) ?? '';
      expect(text).toContain('The board is bad.');
      expect(text).toMatch(/at 0x0000200\d it reads/);
      expect(text).toContain('red bin');
      expect(text).toContain('verify-mismatch · 0x0000200');
      expect(text).toContain('Who acts: Repair');
      await says('put it in the red bin');
    });

    it('ERROR: not the board’s, in words, colour and shape of its own', async () => {
      await flash(SERIALS.error);
      expect(await verdict('1').textContent()).toBe('ERROR');
      const text = (await slot('1').textContent()) ?? '';
      expect(text).toContain('Not the board’s fault.');
      expect(text).toContain('no-target');
      expect(text).toContain('Technician (fixture)');
      await flash(SERIALS.fail, '2');
      const look = (id: string): Promise<[string, string | null]> =>
        slot(id).evaluate((tile) => [
          getComputedStyle(tile).backgroundColor,
          tile.querySelector('[role=alert] svg')?.innerHTML ?? null,
        ]);
      const [error, fail] = await Promise.all([look('1'), look('2')]);
      expect(error[0]).not.toBe(fail[0]);
      expect(error[1]).not.toBe(fail[1]);
    });

    it('nothing is cut off in any tile, in either language', async () => {
      await flash(SERIALS.pass);
      await flash(SERIALS.fail, '2');
      await flash(SERIALS.error, '3');
      await pause(REPEAT_MS);
      await flash(SERIALS.pass, '4');
      for (const language of ['en', 'zh-CN']) {
        if ((await page.locator('html').getAttribute('lang')) !== language)
          await page.locator('[data-part=language]').click();
        await page.locator(`html[lang=${language}]`).waitFor();
        const cut = await page.evaluate(() =>
          Array.from(document.querySelectorAll('[data-slot] *, aside *, header *'))
            .filter((element) => element instanceof HTMLElement && getComputedStyle(element).overflow !== 'visible')
            // A font's own ascent and descent may reach a quarter of its size out of a tight line.
            .filter((box) => {
              const slack = Number.parseFloat(getComputedStyle(box).fontSize) / 4;
              return box.scrollHeight > box.clientHeight + slack || box.scrollWidth > box.clientWidth + 1;
            })
            .map((box) => box.textContent)
            .filter((text) => text !== 'The board is good.' && text !== '板子没有问题。'),
        );
        expect({ language, cut }).toEqual({ language, cut: [] });
      }
    });
  });

  describe('scans', () => {
    beforeEach(() => begin());

    it('count once within two seconds, and say so', async () => {
      await keyboard.scan(SERIALS.pass);
      await reaches('1', 'ready');
      await keyboard.scan(SERIALS.pass);
      await says('scanned twice, taken once');
      expect(await slot('2').getAttribute('data-phase')).toBe('empty');
      expect(under.station.state().slots.filter(({ phase }) => phase !== 'empty')).toHaveLength(1);
    });

    it('of a wrong serial are refused in words, and touch no slot', async () => {
      await keyboard.scan(SERIALS.wrong);
      await says('“XX000001” is not a serial of this product');
      await says('look like HB000000');
      expect(under.station.state().slots.every(({ phase }) => phase === 'empty')).toBe(true);
      await keyboard.scan(SERIALS.pass);
      await reaches('1', 'ready');
      await says('Put HB000001 on slot 1');
    });

    it.each(['Enter', 'Tab'] as const)('reach no focused button, and leave the focus (%s)', async (terminator) => {
      await keyboard.scan(SERIALS.pass2);
      await reaches('1', 'ready');
      const start = slot('1').getByRole('button', { name: 'Start' });
      await start.focus();
      await keyboard.scan(SERIALS.pass, terminator);
      await reaches('2', 'ready');
      await keyboard.scan('HB 0 1', terminator);
      await says('is not a serial of this product');
      await pause(150);
      expect(await slot('1').getAttribute('data-phase')).toBe('ready');
      expect(await page.getByLabel('Serial').inputValue()).toBe('');
    });

    it('leave nothing in a focused text field', async () => {
      const field = page.getByLabel('Serial');
      await field.focus();
      await keyboard.scan(SERIALS.pass);
      await reaches('1', 'ready');
      expect(await field.inputValue()).toBe('');
      expect(under.station.state().slots[0]?.serial).toBe(SERIALS.pass);
    });

    it('start the run themselves when that is switched on', async () => {
      await page.locator('[data-part=auto-start]').click();
      await says('Put a board on slot 1 and scan its barcode');
      await keyboard.scan(SERIALS.pass);
      await reaches('1', 'finished');
      expect(await verdict('1').textContent()).toBe('PASS');
    });

    it('can be tapped on the bench, where every screen says that all is simulated', async () => {
      expect(await page.locator('[data-part=bench]').textContent()).toContain('simulated');
      await page.locator(`[data-sample="${SERIALS.pass}"]`).click();
      await reaches('1', 'ready');
    });

    it('tapped, leave Enter to the next step; so does any control that a finger pressed', async () => {
      await page.locator(`[data-sample="${SERIALS.pass}"]`).click();
      await reaches('1', 'ready');
      await page.locator('[data-part=sound]').click();
      await keyboard.press('Enter');
      await reaches('1', 'finished');
      expect(await verdict('1').textContent()).toBe('PASS');
      expect(await page.locator('[data-part=sound]').textContent()).toContain('Off');
    });
  });

  describe('rework', () => {
    beforeEach(() => begin());

    async function refuseForHavingPassed(): Promise<void> {
      await flash(SERIALS.pass);
      await pause(REPEAT_MS);
      await flash(SERIALS.pass, '2');
      expect(await verdict('2').textContent()).toBe('ERROR');
      expect(await slot('2').textContent()).toContain('already passed');
    }

    it('of a board that passed takes one deliberate scan', async () => {
      await refuseForHavingPassed();
      await keyboard.scan('*REWORK*');
      await reaches('2', 'ready');
      expect(await slot('2').textContent()).toContain('Rework');
      await pause(350);
      await keyboard.press('Enter');
      await reaches('2', 'finished');
      expect(await verdict('2').textContent()).toBe('PASS');
      expect((await under.station.records({ limit: 1 }))[0]).toMatchObject({ rework: true, verdict: 'PASS' });
    });

    it('or the button held; a touch alone does nothing', async () => {
      await refuseForHavingPassed();
      const button = slot('2').locator('[data-part=rework]');
      await button.click();
      await pause(1200);
      expect(await slot('2').getAttribute('data-phase')).toBe('finished');
      await button.hover();
      await page.mouse.down();
      await reaches('2', 'ready');
      await page.mouse.up();
    });
  });

  describe('by hand', () => {
    it('abort: Esc asks, Esc again goes on, Esc and Enter abort; the other slot goes on', async () => {
      await begin(0.1);
      await keyboard.scan(SERIALS.pass);
      await reaches('1', 'ready');
      await keyboard.scan(SERIALS.pass2);
      await reaches('2', 'ready');
      await pause(350);
      await keyboard.press('Enter');
      await slot('1').locator('[data-step=program][data-state=now]').waitFor();
      // Steps that this product has not are no steps that were left out.
      const shown = await slot('1')
        .locator('[data-step]')
        .evaluateAll((items) => items.map((item) => item.dataset['step']));
      for (const step of ['unlock', 'plant-data', 'badge', 'lock']) expect(shown).not.toContain(step);
      await keyboard.press('Escape');
      await slot('1').getByRole('button', { name: 'Yes, abort' }).waitFor();
      await keyboard.press('Escape');
      await slot('1').locator('[data-part=abort]').waitFor();
      expect(await slot('1').getAttribute('data-phase')).toBe('running');
      await keyboard.press('Escape');
      await keyboard.press('Enter');
      await reaches('1', 'finished');
      expect(await verdict('1').textContent()).toBe('ABORTED');
      expect(await slot('2').getAttribute('data-verdict')).not.toBe('ABORTED');
      await reaches('2', 'finished');
      expect(await verdict('2').textContent()).toBe('PASS');
    });

    it('a double touch on Abort changes nothing', async () => {
      await begin(0.1);
      await keyboard.scan(SERIALS.pass);
      await reaches('1', 'ready');
      await slot('1').getByRole('button', { name: 'Start' }).click();
      const box = await slot('1').locator('[data-part=abort]').boundingBox();
      await page.mouse.dblclick((box?.x ?? 0) + (box?.width ?? 0) / 2, (box?.y ?? 0) + (box?.height ?? 0) / 2);
      await reaches('1', 'finished');
      expect(await verdict('1').textContent()).toBe('PASS');
    });

    it('the keyboard alone suffices: type, Enter, Enter; Tab reaches every control with a visible ring', async () => {
      await begin();
      await keyboard.type(SERIALS.pass);
      await expect.poll(() => page.getByLabel('Serial').inputValue()).toBe(SERIALS.pass);
      await keyboard.press('Enter');
      await reaches('1', 'ready');
      const reached = new Set<string>();
      const ringless: string[] = [];
      for (let press = 0; press < 14; press++) {
        await page.keyboard.press('Tab');
        const [name, ring] = await page.evaluate(() => {
          const focused = document.activeElement;
          if (focused === null) return ['', ''];
          return [focused.getAttribute('aria-label') ?? focused.textContent, getComputedStyle(focused).outlineStyle];
        });
        if (name !== '' && name.length < 40 && ring !== 'solid') ringless.push(name);
        reached.add(name);
      }
      expect(ringless).toEqual([]);
      for (const control of ['Serial', 'Enter', 'Take off', 'Start', 'SoundOn']) expect(reached).toContain(control);
      await slot('1').getByRole('button', { name: 'Start' }).focus();
      await keyboard.press('Enter');
      await reaches('1', 'finished');
      expect(await verdict('1').textContent()).toBe('PASS');
    });

    it('every touch target is 20 mm or more', async () => {
      await begin();
      await keyboard.scan(SERIALS.pass);
      await reaches('1', 'ready');
      for (const viewport of [
        { width: 1280, height: 720 },
        { width: 1920, height: 1080 },
        { width: 1024, height: 600 },
      ]) {
        await page.setViewportSize(viewport);
        const small = await page.evaluate(() =>
          Array.from(document.querySelectorAll('button, input'))
            .map((control) => [control.textContent, control.getBoundingClientRect()] as const)
            .filter(([, { width, height }]) => width < 75.5 || height < 75.5)
            .map(([text, { width, height }]) => `${text}: ${width} x ${height}`),
        );
        expect({ viewport, small }).toEqual({ viewport, small: [] });
      }
    });
  });

  describe('the connection', () => {
    it('lost is said in plain words; the run goes on and its verdict is there when it is back', async () => {
      await begin(0.2);
      await keyboard.scan(SERIALS.pass);
      await reaches('1', 'ready');
      await slot('1').getByRole('button', { name: 'Start' }).click();
      await reaches('1', 'running');
      await under.stopServing();
      await says('No connection to the station');
      await under.serveAgain(false);
      await says('slot 1');
      await reaches('1', 'finished');
      expect(await verdict('1').textContent()).toBe('PASS');
    });

    it('to a station started anew says that its address is new', async () => {
      await begin();
      await under.stopServing();
      await under.serveAgain(true);
      await says('Open the address that it printed');
      expect(await page.locator('main').getAttribute('data-connection')).toBe('locked-out');
    });
  });

  it('shows runs that a killed process left behind, until somebody has found the boards', async () => {
    const home = await mkdtemp(join(tmpdir(), 'flashline-e2e-killed-'));
    const args = ['--release', 'resources/demo/hello-nrf52840', '--serial', SERIALS.pass2, '--probe', 'bench:nrf52840'];
    const cli = startCli(['flash', ...args, '--bench-pace', '0.2', '--json'], { home });
    await cli.waitFor('"step":"program"');
    cli.child.kill('SIGKILL');
    await cli.ended;

    await begin(null, 'en-GB', home);
    const panel = page.locator('[data-part=interrupted]');
    await panel.waitFor();
    expect(await panel.textContent()).toContain(SERIALS.pass2);
    await says('Find the boards named below');
    await page.reload();
    await panel.waitFor();
    await panel.getByRole('button').click();
    await panel.waitFor({ state: 'detached' });
    await page.reload();
    await says('scan');
    expect(await panel.count()).toBe(0);
    await flash(SERIALS.pass2);
    expect(await verdict('1').textContent()).toBe('PASS');
  });

  it('speaks Chinese to a Chinese browser, and changes language at a touch and for good', async () => {
    await begin(null, 'zh-CN');
    await says('请扫描板子的条码');
    await flash(SERIALS.pass);
    expect(await verdict('1').textContent()).toBe('合格');
    await flash(SERIALS.fail, '2');
    expect(await verdict('2').textContent()).toBe('不合格');
    expect(await slot('2').textContent()).toContain('红色料盒');
    await page.locator('[data-part=language]').click();
    expect(await verdict('2').textContent()).toBe('FAIL');
    await page.reload();
    await reaches('2', 'finished');
    expect(await verdict('2').textContent()).toBe('FAIL');
    expect(complaints).toEqual([]);
  });
});
