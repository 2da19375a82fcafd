import { writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BRIDGE_CHANNEL, PRELOAD_GLOBAL } from '#shared/contract/preload.ts';
import { ToClient } from '#shared/contract/wire.ts';
import type { ToHost } from '#shared/contract/wire.ts';
import { ShellProcess, buildApp, temporaryHome } from '#test/support/electron-stand-in/shell-process.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** Notes what its own first script finds, so that "before the page's scripts" can be told. */
const PAGE = '<!doctype html><title>test</title><script src="first.js"></script><body></body>';
const FIRST_SCRIPT = `globalThis.foundFirst = typeof globalThis.${PRELOAD_GLOBAL}; globalThis.foundNames = Object.keys(globalThis);`;

interface Pipe {
  readonly send: (message: unknown) => void;
  readonly onMessage: (listener: (message: unknown) => void) => () => void;
}
type Globals = Window & Record<string, unknown> & { readonly flashline: Pipe };

describe.skipIf(!requirePrograms(['chromium']))('the desktop shell, over a page of its own', () => {
  let main = '';
  const started: ShellProcess[] = [];
  const homes: ReturnType<typeof temporaryHome>[] = [];

  beforeAll(() => {
    const built = buildApp('e2e-electron-shell', 'electron');
    mkdirSync(built.renderer, { recursive: true });
    writeFileSync(join(built.renderer, 'index.html'), PAGE);
    writeFileSync(join(built.renderer, 'first.js'), FIRST_SCRIPT);
    main = built.main;
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((shell) => shell.end()));
    for (const home of homes.splice(0)) home.remove();
  });

  function home(): string {
    const made = temporaryHome();
    homes.push(made);
    return made.path;
  }

  function start(folder = home(), ...args: string[]): ShellProcess {
    const shell = new ShellProcess(main, folder, ['--bench', ...args]);
    started.push(shell);
    return shell;
  }

  it('flashes a scanned sample to PASS through Electron IPC', async () => {
    const page = await start().page();
    expect(await call(page, 1, 'station.scan', { code: 'HB000001' })).toMatchObject({
      type: 'result',
      result: { outcome: 'accepted', serial: 'HB000001', slot: '1' },
    });
    expect(await call(page, 2, 'slot.run', { slot: '1' })).toMatchObject({
      type: 'result',
      result: { verdict: 'PASS' },
    });
    const state = await call(page, 3, 'log.records', { serial: 'HB000001' });
    expect(state).toMatchObject({ type: 'result', result: [{ verdict: 'PASS', serial: 'HB000001' }] });
  });

  it('gives the page one object with two functions, before its first script, and nothing of Node', async () => {
    const page = await start().page();
    const surface = await page.evaluate((name) => {
      const globals = window as unknown as Globals;
      const port = globals[name] as object;
      return {
        first: globals['foundFirst'],
        members: Object.entries(port).map(([key, value]) => `${key}: ${typeof value}`),
        frozen: Object.isFrozen(port),
        writable: Object.getOwnPropertyDescriptor(globals, name)?.writable,
        node: [
          'require',
          'process',
          'module',
          'exports',
          'Buffer',
          'global',
          'ipcRenderer',
          'electron',
          '__dirname',
        ].filter((each) => each in globals),
        sameWorld: Object.getPrototypeOf((port as Pipe).send) === Function.prototype,
      };
    }, PRELOAD_GLOBAL);
    expect(surface).toEqual({
      first: 'object',
      members: ['send: function', 'onMessage: function'],
      frozen: true,
      writable: false,
      node: [],
      sameWorld: true,
    });

    // A frame inside the page has the same browser's globals, and no preload.
    const usual = await page.evaluate(() => {
      const frame = document.body.appendChild(document.createElement('iframe'));
      return Object.keys(frame.contentWindow ?? {});
    });
    const names = await page.evaluate(() => (window as unknown as Globals)['foundNames'] as string[]);
    expect(names.filter((name) => !usual.includes(name) && name !== 'foundFirst')).toEqual([PRELOAD_GLOBAL]);
  });

  it('stays where it is: navigation by script, by link and by form, and windows, are refused', async () => {
    const shell = start();
    const page = await shell.page();
    const before = page.url();
    await page.evaluate(() => {
      location.href = 'https://example.invalid/by-script';
    });
    await shell.says(/refused to go to https:\/\/example\.invalid\/by-script/);
    await page.evaluate(() => {
      const link = document.createElement('a');
      link.href = '/other.html';
      document.body.append(link);
      link.click();
    });
    await shell.says(/refused to go to flashline:\/\/app\/other\.html/);
    const closed = await page.evaluate(async () => {
      const opened = window.open('https://example.invalid/by-window');
      const closed = () => opened === null || opened.closed;
      const deadline = Date.now() + 5000;
      while (!closed() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
      return closed();
    });
    expect(closed).toBe(true);
    await shell.says(/refused to open https:\/\/example\.invalid\/by-window/);
    expect(page.url()).toBe(before);
    expect(await call(page, 1, 'station.state', {})).toMatchObject({ type: 'result' });
  });

  it('reaches no network and runs no text', async () => {
    const page = await start().page();
    const outcome = await page.evaluate(async () => {
      const refused = (work: Promise<unknown>) =>
        work.then(
          () => 'done',
          (reason: unknown) => String(reason),
        );
      const script = document.createElement('script');
      const inline = await refused(Promise.resolve().then(() => (script.textContent = 'globalThis.ranInline = true')));
      document.body.append(script);
      return {
        elsewhere: await refused(fetch('https://example.invalid/')),
        own: await refused(fetch('/first.js')),
        inline,
        ran: (window as unknown as Globals)['ranInline'] ?? false,
        secure: isSecureContext,
      };
    });
    expect(outcome).toMatchObject({ ran: false, secure: true });
    expect(outcome.elsewhere).toMatch(/TypeError/);
    expect(outcome.own).toMatch(/TypeError/);
  });

  it('is granted no permission', async () => {
    const page = await start().page();
    const outcome = await page.evaluate(async () => {
      const states = await Promise.all(
        (['geolocation', 'notifications', 'camera', 'microphone', 'clipboard-read', 'midi'] as PermissionName[]).map(
          async (name) => (await navigator.permissions.query({ name })).state,
        ),
      );
      const position = await new Promise<number>((resolve) =>
        navigator.geolocation.getCurrentPosition(
          () => resolve(0),
          ({ code }) => resolve(code),
        ),
      );
      const media = await navigator.mediaDevices.getUserMedia({ audio: true }).then(
        () => 'granted',
        (reason: Error) => reason.name,
      );
      return { states, position, media, notification: await Notification.requestPermission() };
    });
    // Code 1 is PERMISSION_DENIED.
    expect(outcome).toEqual({
      states: Array.from({ length: 6 }, () => 'denied'),
      position: 1,
      media: 'NotAllowedError',
      notification: 'denied',
    });
  });

  it('refuses what comes from a frame inside the page or is no message, and lives on', async () => {
    const shell = start();
    const page = await shell.page();
    const inner = await page.evaluate(
      (name) =>
        new Promise((resolve) => {
          const frame = document.createElement('iframe');
          frame.addEventListener('load', () => resolve(typeof Reflect.get(frame.contentWindow ?? {}, name)));
          document.body.append(frame);
        }),
      PRELOAD_GLOBAL,
    );
    expect(inner).toBe('undefined');
    const id = '6f0c1f9e-6f5e-4f0e-8d8e-0e6c1f9e6f5e';
    shell.ask({ type: 'forge', from: 'inner', channel: BRIDGE_CHANNEL, args: [{ document: id, type: 'open' }] });
    await shell.says(/ipc: refused a message: it comes from a frame inside the page/);

    for (const args of [
      [],
      [null],
      [{ document: 'x', type: 'open' }],
      [{ document: id, type: 'open' }, 'more'],
      [{ document: id, type: 'steal' }],
    ]) {
      shell.ask({ type: 'forge', from: 'top', channel: BRIDGE_CHANNEL, args });
    }
    await shell.says(/(refused a message: (?!it comes)[^\n]*\n[^]*){5}/);
    shell.ask({
      type: 'forge',
      from: 'top',
      channel: BRIDGE_CHANNEL,
      args: [{ document: id, type: 'message', message: {} }],
    });
    await shell.says(/refused a message: its page was replaced/);

    expect(await call(page, 7, 'slot.explode', {})).toMatchObject({
      type: 'failure',
      failure: { code: 'bad-request' },
    });
    expect(await call(page, 8, 'station.scan', { code: 12 })).toMatchObject({
      type: 'failure',
      failure: { code: 'bad-request' },
    });
    expect(await call(page, 9, 'station.state', {})).toMatchObject({ type: 'result' });
    // What is no structured clone does not even leave the page.
    expect(
      await page.evaluate(() => {
        const { flashline } = window as unknown as Globals;
        try {
          flashline.send({ type: 'call', id: 1, call: 'station.state', params: { document } });
          return 'sent';
        } catch {
          return 'refused';
        }
      }),
    ).toBe('refused');
  });

  it('brings the first instance to the front when a second is started with the same data', async () => {
    const folder = home();
    const first = start(folder);
    await first.page();
    const focused = first.count('focused');
    const second = start(folder);
    expect(await second.exited).toBe(0);
    expect(second.said).toMatch(/runs already/);
    expect(second.count('browser')).toBe(0);
    await first.told('focused', focused + 1);
    const elsewhere = start();
    await elsewhere.page();
  });

  it('asks before it quits over a running unit: stays, or waits for its end', async () => {
    const shell = start();
    const page = await shell.page();
    await call(page, 1, 'station.scan', { code: 'HB000001' });
    await page.evaluate((message) => (window as unknown as Globals).flashline.send(message), run(2));
    await running(page);

    shell.ask({ type: 'close-window' });
    const asked = await shell.told('dialog');
    expect(asked).toMatchObject({ detail: expect.stringContaining('slot 1') as string, buttons: { length: 3 } });
    shell.ask({ type: 'answer', id: asked.id, response: 0 });
    expect(await call(page, 4, 'station.state', {})).toMatchObject({
      result: { slots: [{ phase: 'running' }, {}, {}, {}] },
    });

    shell.ask({ type: 'quit' });
    const again = await shell.told('dialog', 2);
    shell.ask({ type: 'quit' });
    shell.ask({ type: 'answer', id: again.id, response: 1 });
    expect(await shell.exited).toBe(0);
    expect(shell.count('dialog')).toBe(2);
    expect(await verdictAfterRestart(homes[0]?.path ?? '')).toMatchObject([{ serial: 'HB000001', verdict: 'PASS' }]);
  });

  it('aborts on demand, records it, and then quits', async () => {
    const shell = start();
    const page = await shell.page();
    await call(page, 1, 'station.scan', { code: 'HB000001' });
    await page.evaluate((message) => (window as unknown as Globals).flashline.send(message), run(2));
    await running(page);
    shell.ask({ type: 'quit' });
    shell.ask({ type: 'answer', id: (await shell.told('dialog')).id, response: 2 });
    expect(await shell.exited).toBe(0);
    expect(await verdictAfterRestart(homes[0]?.path ?? '')).toMatchObject([{ serial: 'HB000001', verdict: 'ABORTED' }]);
  });

  it('loads a page whose process died again, while the run goes on', async () => {
    const shell = start();
    const page = await shell.page();
    await call(page, 1, 'station.scan', { code: 'HB000002' });
    await page.evaluate((message) => (window as unknown as Globals).flashline.send(message), run(2));
    await running(page);
    shell.ask({ type: 'crash-page' });
    await shell.says(/its process is gone \(crashed/);
    shell.ask({ type: 'quit' });
    shell.ask({ type: 'answer', id: (await shell.told('dialog')).id, response: 1 });
    expect(await shell.exited).toBe(0);
    expect(await verdictAfterRestart(homes[0]?.path ?? '')).toMatchObject([{ serial: 'HB000002', verdict: 'PASS' }]);
  });

  async function verdictAfterRestart(folder: string): Promise<unknown> {
    const answer = await call(await start(folder).page(), 1, 'log.records', {});
    return answer.type === 'result' ? answer.result : answer;
  }
});

function run(id: number): ToHost {
  return { type: 'call', id, call: 'slot.run', params: { slot: '1' } };
}

/** Waits until slot 1 runs. */
async function running(page: Page): Promise<void> {
  for (let id = 1000; id < 1200; id++) {
    const answer = await call(page, id, 'station.state', {});
    if (answer.type === 'result' && /"phase":"running"/.test(JSON.stringify(answer.result))) return;
  }
  throw new Error('slot 1 did not start');
}

/** One call through the page's pipe, and its answer. */
async function call(page: Page, id: number, name: string, params: unknown): Promise<ToClient> {
  const message: ToHost = { type: 'call', id, call: name, params };
  return ToClient.parse(
    await page.evaluate(
      (sent) =>
        new Promise((resolve) => {
          const { flashline } = window as unknown as Globals;
          const stop = flashline.onMessage((received) => {
            const answer = received as { id?: number; type: string };
            if (answer.id !== sent.id || answer.type === 'progress') return;
            stop();
            resolve(received);
          });
          flashline.send(sent);
        }),
      message,
    ),
  );
}
