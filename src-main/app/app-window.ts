import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

const LINUX_BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];
const MAC_BROWSERS = ['Google Chrome', 'Chromium', 'Microsoft Edge'];
const WINDOWS_BROWSERS = [
  String.raw`Google\Chrome\Application\chrome.exe`,
  String.raw`Chromium\Application\chrome.exe`,
  String.raw`Microsoft\Edge\Application\msedge.exe`,
];

/** Whether a window can be shown at all. */
export function hasDisplay(env: Environment, platform: NodeJS.Platform): boolean {
  if (platform === 'win32' || platform === 'darwin') return true;
  return Boolean(env['DISPLAY'] ?? env['WAYLAND_DISPLAY']);
}

/** Path of an installed Chromium, Chrome or Edge: the browsers that can show a page as a window of its own. */
export function findBrowser(env: Environment, platform: NodeJS.Platform): string | undefined {
  return candidates(env, platform).find(isExecutable);
}

/** Opens `url` as an app window in a profile of its own; the browser outlives us if it wants to. */
export function openAppWindow(browser: string, url: string, profile: string): void {
  const args = [`--app=${url}`, `--user-data-dir=${profile}`, '--no-first-run', '--no-default-browser-check'];
  // Chromium refuses its sandbox to root; the station's own page is all that this profile ever shows.
  if (process.getuid?.() === 0) args.push('--no-sandbox');
  const child = spawn(browser, args, { stdio: 'ignore', detached: true });
  child.on('error', (cause) =>
    process.stderr.write(`The window did not open (${cause.message}); open the URL above.\n`),
  );
  child.unref();
}

function candidates(env: Environment, platform: NodeJS.Platform): string[] {
  if (platform === 'win32') {
    const roots = [env['PROGRAMFILES'], env['PROGRAMFILES(X86)'], env['LOCALAPPDATA']].filter(
      (root) => root !== undefined,
    );
    return WINDOWS_BROWSERS.flatMap((browser) => roots.map((root) => join(root, browser)));
  }
  if (platform === 'darwin') return MAC_BROWSERS.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
  const folders = (env['PATH'] ?? '').split(delimiter);
  return LINUX_BROWSERS.flatMap((browser) => folders.map((folder) => join(folder, browser)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
