import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { Told } from './control.ts';
import type { Asked } from './control.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const WAIT_MS = 30_000;

/** Builds the app as it ships (`--only electron` leaves the screens out) into a folder of the test's own. */
export function buildApp(name: string, only?: 'electron'): { readonly main: string; readonly renderer: string } {
  const out = join(root, 'dist', name);
  const args = ['scripts/build.js', '--out', out, ...(only === undefined ? [] : ['--only', only])];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build ended with ${status}: ${stderr}`);
  return { main: join(out, 'electron', 'main.js'), renderer: join(out, 'renderer') };
}

export function temporaryHome(): { readonly path: string; remove(): void } {
  const path = mkdtempSync('/tmp/flashline-shell-');
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The built app running as a process, with the stand-in for `electron`. */
export class ShellProcess {
  readonly #child: ChildProcess;
  readonly #told: Told[] = [];
  readonly #watchers = new Set<() => void>();
  readonly exited: Promise<number | null>;
  #stderr = '';
  #browser: Browser | null = null;

  constructor(main: string, home: string, args: readonly string[] = []) {
    this.#child = fork(main, args, {
      execArgv: ['--import', join(import.meta.dirname, 'register.ts')],
      env: { ...process.env, FLASHLINE_HOME: home, NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#changed();
    });
    this.#child.on('message', (message) => {
      this.#told.push(Told.parse(message));
      this.#changed();
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        resolve(code);
        this.#changed();
      });
    });
  }

  /** What the app said on standard error. */
  get said(): string {
    return this.#stderr;
  }

  count(type: Told['type']): number {
    return this.#told.filter((told) => told.type === type).length;
  }

  ask(asked: Asked): void {
    this.#child.send(asked);
  }

  /** The nth (from 1) thing of this type that the stand-in tells. */
  async told<T extends Told['type']>(type: T, nth = 1): Promise<Extract<Told, { type: T }>> {
    const find = () => this.#told.filter((told): told is Extract<Told, { type: T }> => told.type === type).at(nth - 1);
    return this.#until(find, `the stand-in to tell "${type}" (${nth})`);
  }

  /** Waits for words on standard error. */
  async says(pattern: RegExp): Promise<void> {
    await this.#until(() => (pattern.test(this.#stderr) ? true : undefined), String(pattern));
  }

  /** The window's page, in the hands of a second DevTools client, once it is loaded for the nth time. */
  async page(nth = 1): Promise<Page> {
    await this.told('loaded', nth);
    const { endpoint } = await this.told('browser');
    // A client that saw the page crash gives it up for good.
    if (nth > 1) await this.#browser?.close();
    if (nth > 1 || this.#browser === null) this.#browser = await chromium.connectOverCDP(endpoint);
    const pages = this.#browser.contexts().flatMap((context) => context.pages());
    const page = pages.find((each) => each.url().includes('electron-stand-in'));
    if (page === undefined) throw new Error(`no page of the app among ${pages.map((each) => each.url()).join(', ')}`);
    return page;
  }

  async end(): Promise<void> {
    await this.#browser?.close().catch(() => undefined);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
    await this.exited;
    clearTimeout(timer);
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #until<T>(find: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found === undefined && this.#child.exitCode === null) return;
        clearTimeout(timer);
        this.#watchers.delete(look);
        if (found === undefined)
          reject(new Error(`the app ended while waiting for ${what}; it said:\n${this.#stderr}`));
        else resolve(found);
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(look);
        reject(new Error(`waited in vain for ${what}; the app said:\n${this.#stderr}`));
      }, WAIT_MS);
      this.#watchers.add(look);
      look();
    });
  }
}
