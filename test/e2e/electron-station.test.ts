import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Locator, Page } from 'playwright-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ShellProcess, buildApp, temporaryHome } from '#test/support/electron-stand-in/shell-process.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { Keyboard } from './support/scanner.ts';

const root = join(import.meta.dirname, '..', '..');

/** Longer than a scanner's second Enter may come after its code, in milliseconds. */
const AFTER_SCAN_MS = 400;

describe.skipIf(!requirePrograms(['chromium']))('the station in the desktop shell, as it ships', () => {
  let main = '';
  let home: ReturnType<typeof temporaryHome>;
  let shell: ShellProcess | null = null;

  beforeAll(() => {
    ({ main } = buildApp('e2e-electron-station'));
  });
  afterEach(async () => {
    await shell?.end();
    shell = null;
    home.remove();
  });

  function start(...args: string[]): ShellProcess {
    home = temporaryHome();
    shell = new ShellProcess(main, home.path, ['--bench', ...args]);
    return shell;
  }

  it('flashes a scanned board to PASS on the screen, over Electron IPC, with nothing refused on the way', async () => {
    const app = start();
    const page = await app.page();
    const complaints: string[] = [];
    page.on('console', (message) => (message.type() === 'error' ? complaints.push(message.text()) : undefined));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.reload();
    await flash(page, 'HB000001');
    expect(await slot(page).locator('[data-part=verdict]').innerText()).toMatch(/pass/i);
    expect(complaints).toEqual([]);
    expect(app.said).not.toMatch(/refused (a message|to)|did not load|preload/);
    expect(app.count('shown')).toBe(1);
  });

  it('shows a board without a target as an ERROR', async () => {
    const page = await start().page();
    await flash(page, 'HB900002');
    expect(await slot(page).locator('[data-part=verdict]').innerText()).toMatch(/error/i);
  });

  it('still shows the verdict after the page’s process has died', async () => {
    const app = start('--hidden');
    await flash(await app.page(), 'HB000001');
    app.ask({ type: 'crash-page' });
    await app.says(/its process is gone \(crashed/);
    const again = await app.page(2);
    await again.locator('[data-slot="1"][data-phase="finished"]').waitFor();
    expect(await slot(again).locator('[data-part=verdict]').innerText()).toMatch(/pass/i);
    expect(app.count('shown')).toBe(0);
  });

  it('says in its window what the log is busy with, lets itself be closed meanwhile, and becomes the station', async () => {
    home = temporaryHome();
    // As another Flashline that mends this log: it has it for itself.
    const other = new Sqlite(join(home.path, 'station.db-lock'));
    other.exec('BEGIN EXCLUSIVE');
    const waiting = async (): Promise<Page> => {
      shell = new ShellProcess(main, home.path, ['--bench']);
      const page = await shell.page();
      await page.locator('[data-page=opening][data-step=wait]').waitFor();
      return page;
    };
    await waiting();
    shell?.ask({ type: 'close-window' });
    expect(await shell?.exited).toBe(0);
    expect(shell?.count('error-box')).toBe(0);
    await shell?.end();
    const page = await waiting();
    other.close();
    await page.locator('[data-connection="open"] [data-slot="1"]').waitFor();
    expect(shell?.said).not.toMatch(/refused (a message|to)|did not load|preload/);
  });

  it('passes the smoke test that a machine with Electron’s binary runs, and fails it without an app', () => {
    home = temporaryHome();
    const smoke = (...command: string[]) =>
      spawnSync(process.execPath, [join(root, 'scripts', 'smoke-electron.js'), '--shell', ...command], {
        encoding: 'utf8',
        timeout: 100_000,
      });
    const register = join(root, 'test', 'support', 'electron-stand-in', 'register.ts');
    const good = smoke(process.execPath, '--import', register, main);
    expect(good.stderr).toMatch(/flashed HB000001 to PASS and quit with 0/);
    expect(good.status).toBe(0);
    const bad = smoke(process.execPath, '-e', 'process.exit(7)', '--');
    expect(bad.stderr).toMatch(/FAILED: it ended with 7 before it had a window/);
    expect(bad.status).toBe(1);
  });
});

const slot = (page: Page): Locator => page.locator('[data-slot="1"]');

async function flash(page: Page, serial: string): Promise<void> {
  await page.locator('[data-connection="open"]').waitFor();
  const keyboard = await Keyboard.of(page);
  await keyboard.scan(serial);
  await page.locator('[data-slot="1"][data-phase="ready"]').waitFor();
  await page.waitForTimeout(AFTER_SCAN_MS);
  await keyboard.press('Enter');
  await page.locator('[data-slot="1"][data-phase="finished"]').waitFor();
}
