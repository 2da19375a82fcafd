/**
 * `npm run smoke:electron`: for machines that have Electron's binary. Starts the built desktop app on the bench, in a hidden
 * window and with an empty home, scans a sample like a scanner would, waits for PASS, and quits.
 *
 * Exit codes: 0 it works; 1 it does not; 5 there is no Electron here to try it with, which is neither.
 * `--shell COMMAND...` (last) tries another program that takes Electron's place and arguments.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const NOT_TRIED = 5;
const START_MS = 60_000;
const PASS_MS = 60_000;
const QUIT_MS = 30_000;
const SAMPLE = 'HB000001';

const root = join(import.meta.dirname, '..');
const say = (line) => process.stderr.write(`smoke: ${line}\n`);

/** Program and first arguments of the shell, or null where there is none. */
function findShell() {
  const named = process.argv.indexOf('--shell');
  if (named !== -1) return process.argv.slice(named + 1);
  const folder = join(root, 'node_modules', 'electron');
  const pathFile = join(folder, 'path.txt');
  if (!existsSync(pathFile)) return null;
  const binary = join(folder, 'dist', readFileSync(pathFile, 'utf8').trim());
  return existsSync(binary) ? [binary, root] : null;
}

function within(promise, ms, what) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Like a scanner: keys 10 ms apart by their own time stamps, whatever this machine's load, and Enter. */
async function scan(page, code) {
  const session = await page.context().newCDPSession(page);
  const start = Date.now();
  const keys = [...code].map((key) => ({ key, text: key, windowsVirtualKeyCode: key.charCodeAt(0) }));
  keys.push({ key: 'Enter', text: '\r', windowsVirtualKeyCode: 13 });
  const sent = keys.flatMap((each, index) => {
    const timestamp = (start + index * 10) / 1000;
    return [
      session.send('Input.dispatchKeyEvent', { type: 'keyDown', timestamp, ...each }),
      session.send('Input.dispatchKeyEvent', { type: 'keyUp', timestamp: timestamp + 0.004, key: each.key }),
    ];
  });
  await Promise.all(sent);
}

async function flashSample(page) {
  const slot = page.locator('[data-slot="1"]');
  await slot.waitFor({ timeout: START_MS });
  await page.locator('[data-connection="open"]').waitFor({ timeout: START_MS });
  await scan(page, SAMPLE);
  await page.locator('[data-slot="1"][data-phase="ready"]').waitFor({ timeout: START_MS });
  // Longer after the code than a scanner's own second Enter.
  await page.waitForTimeout(400);
  await page.keyboard.press('Enter');
  await page.locator('[data-slot="1"][data-phase="finished"]').waitFor({ timeout: PASS_MS });
  const shown = await slot.locator('[data-part="verdict"]').innerText();
  if (!/pass/i.test(shown)) throw new Error(`the screen shows ${JSON.stringify(shown)}, not PASS`);
}

async function smoke([program, ...first]) {
  const home = mkdtempSync(join(tmpdir(), 'flashline-smoke-'));
  const args = [...first, '--bench', '--hidden', '--lang=en-US', '--remote-debugging-port=0'];
  say(`starting ${[program, ...args].join(' ')}`);
  const env = { ...process.env, FLASHLINE_HOME: home };
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'pipe'] });
  const ended = new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
    child.once('error', reject);
  });
  try {
    const endpoint = await within(Promise.race([endpointOf(child), ended]), START_MS, 'the start');
    if (!String(endpoint).startsWith('ws:')) throw new Error(`it ended with ${endpoint} before it had a window`);
    const browser = await chromium.connectOverCDP(endpoint);
    await flashSample(await ourPage(browser));
    say('PASS is on the screen; quitting');
    // What the system sends a desktop program that is to quit; on Windows there is only the window to close.
    if (process.platform === 'win32') await (await ourPage(browser)).close();
    else child.kill('SIGTERM');
    const code = await within(ended, QUIT_MS, 'quitting');
    if (code !== 0) throw new Error(`it quit with ${code}`);
    say(`the desktop app flashed ${SAMPLE} to PASS and quit with 0`);
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

function endpointOf(child) {
  return new Promise((resolve) => {
    createInterface(child.stderr).on('line', (line) => {
      process.stderr.write(`  ${line}\n`);
      const found = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
}

async function ourPage(browser) {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const page of pages) if ((await page.locator('[data-connection]').count()) > 0) return page;
    if (Date.now() > deadline) throw new Error(`no page of ours among: ${pages.map((page) => page.url()).join(', ')}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
  }
}

const shell = findShell();
if (shell === null) {
  say(
    'NOT TRIED: Electron’s binary is not on this machine. "npx install-electron" fetches it where GitHub is within reach.',
  );
  process.exit(NOT_TRIED);
}
try {
  await smoke(shell);
  process.exit(0);
} catch (reason) {
  say(`FAILED: ${reason.message}`);
  process.exit(1);
}
