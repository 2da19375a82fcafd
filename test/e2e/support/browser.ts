import { execFileSync } from 'node:child_process';
import { chromium, type Browser, type Page } from 'playwright-core';

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The first Chromium-like browser of this computer. */
export function browserPath(): string {
  const found = execFileSync('sh', ['-c', 'command -v chromium || command -v google-chrome || true']).toString().trim();
  if (found === '') throw new Error('no Chromium or Chrome on this computer');
  return found;
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: browserPath(), args: ARGS });
}

/** A page of its own session at the station, once it shows the slots. Collects what a healthy page never has. */
export async function openStation(
  browser: Browser,
  url: string,
  options: { readonly language?: string; readonly viewport?: { width: number; height: number } } = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({
    viewport: options.viewport ?? { width: 1280, height: 720 },
    locale: options.language ?? 'en-GB',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    // A lost connection is the browser's to note, and a test's to bring about.
    if (message.type() === 'error' && !/ERR_CONNECTION|WebSocket connection|status of 403/.test(message.text()))
      complaints.push(`console: ${message.text()}`);
  });
  await page.goto(url);
  await page.locator('[data-connection="open"] [data-slot]').first().waitFor();
  return { page, complaints };
}
