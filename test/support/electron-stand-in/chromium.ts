import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const START_MS = 30_000;

export interface Chromium {
  /** WebSocket URL of the browser's DevTools endpoint. */
  readonly endpoint: string;
  /** Ends the browser and waits for it. */
  close(): Promise<void>;
}

/** Starts a Chromium of its own, with its own profile below `userData`, listening on loopback only. */
export async function startChromium(userData: string, port: string): Promise<Chromium> {
  const executable = PLACES.find((place) => existsSync(place));
  if (executable === undefined) throw new Error('There is no Chromium on this computer.');
  const child = spawn(
    executable,
    [
      '--headless=new',
      '--no-sandbox',
      '--no-first-run',
      '--disable-gpu',
      '--window-size=1280,800',
      // A camera and a microphone to be refused.
      '--use-fake-device-for-media-stream',
      '--disable-extensions',
      '--disable-background-networking',
      '--disable-component-update',
      // Frames of other origins stay in the page's process, so that one session sees every frame.
      '--disable-site-isolation-trials',
      '--disable-features=IsolateOrigins,site-per-process',
      '--remote-debugging-address=127.0.0.1',
      `--remote-debugging-port=${port}`,
      `--user-data-dir=${join(userData, 'chromium')}`,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const endpoint = await endpointOf(child);
  return { endpoint, close: () => end(child) };
}

async function endpointOf(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error('Chromium has no standard error.');
  const lines = createInterface(child.stderr);
  const said: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error(`Chromium did not start:\n${said.join('\n')}`)), START_MS);
  // Read on to the end: a full pipe would stop the browser.
  lines.on('line', (line) => {
    if (said.length < 50) said.push(line);
    const found = /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
    if (found !== undefined) resolve(found);
  });
  child.once('exit', (code) => reject(new Error(`Chromium ended with ${code}:\n${said.join('\n')}`)));
  child.once('error', reject);
  try {
    return await promise;
  } catch (cause) {
    child.kill('SIGKILL');
    throw cause;
  } finally {
    clearTimeout(timer);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await ended;
  clearTimeout(timer);
}
