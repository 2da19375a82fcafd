import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StationState } from '#shared/contract/station.ts';
import type { ToClient } from '#shared/contract/wire.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { runBrowserShell } from '#main/app/browser.ts';
import { realRandom } from '#main/app/compose-home.ts';
import { composeHost } from '#main/app/compose-host.ts';
import type { ComposedStation } from '#main/app/compose.ts';
import { hostOpening, type StationHost } from '#main/app/host.ts';
import { ROOT } from '#test/support/cli.ts';
import { failureOf } from '../release/failure-of.ts';
import { temporaryFolder } from '../log/fixtures.ts';

const resources = join(ROOT, 'resources');
const folder = temporaryFolder();
let composed: ComposedStation;

beforeAll(async () => {
  const options = { bench: true, probes: [], release: null, warn: () => undefined };
  composed = await composeHost({ resources, home: join(folder.path, 'home'), appVersion: '0', ...options });
});
afterAll(async () => {
  await composed.close();
  folder.remove();
});

const at = (percent: number): LogOpening => ({ step: 'mend', percent });

/** A page: what it is told, and what it asks for by number. */
function attach(host: StationHost) {
  const told: ToClient[] = [];
  const connection = host.bridge.connect((message) => told.push(message));
  const call = (id: number, name: string, params: object = {}) =>
    connection.receive({ type: 'call', id, call: name, params });
  const of = (id: number) => told.filter((each) => each.type !== 'event' && each.id === id);
  return { told, call, of, cancel: (id: number) => connection.receive({ type: 'cancel', id }) };
}
const progress = (id: number, percent: number) => ({ type: 'progress', id, progress: at(percent) });

describe('a station that is still put together', () => {
  it('tells each page that waits for it how far that is, also one that comes late, and then is there for all', async () => {
    const host = hostOpening();
    const early = attach(host);
    early.call(1, 'sync.state');
    early.call(2, 'station.state');
    host.opening(at(41));
    const late = attach(host);
    late.call(7, 'station.state');
    host.opening(at(42));
    expect(early.told).toEqual([progress(2, 41), progress(2, 42)]);
    expect(late.told).toEqual([progress(7, 41), progress(7, 42)]);
    host.opened(composed.station, composed.sync);
    await expect
      .poll(() => [early.of(1).at(-1)?.type, early.of(2).length, late.of(7).length])
      .toEqual(['result', 3, 3]);
    const [, , answer] = late.of(7);
    expect(StationState.parse(answer?.type === 'result' ? answer.result : null).slots).toHaveLength(4);
    host.opening(at(43));
    expect(late.of(7)).toHaveLength(3);
    host.close();
  });

  it('does nothing later that was asked for now', async () => {
    const host = hostOpening();
    const page = attach(host);
    page.call(1, 'station.scan', { code: 'HB000001' });
    page.call(2, 'slot.run', { slot: '1' });
    await expect.poll(() => page.told).toMatchObject([1, 2].map((id) => ({ id, failure: { code: 'bad-request' } })));
    page.call(3, 'station.state');
    page.cancel(3);
    await expect.poll(() => page.of(3)).toMatchObject([{ type: 'failure', failure: { code: 'aborted' } }]);
    host.opened(composed.station, composed.sync);
    expect(composed.station.state().slots.map(({ phase }) => phase)).toEqual(Array(4).fill('empty'));
    // From here on it is a station as any other.
    page.call(4, 'slot.clear', { slot: '1' });
    await expect.poll(() => page.of(4)).toMatchObject([{ type: 'result' }]);
    host.close();
  });
});

describe('the browser shell', () => {
  const files = join(folder.path, 'files');
  beforeAll(() => {
    mkdirSync(files);
    writeFileSync(join(files, 'index.html'), '<!doctype html>');
  });

  function shell(open: Parameters<typeof runBrowserShell>[0]['open'], signal: AbortSignal) {
    const said: string[] = [];
    const running = runBrowserShell({
      open,
      port: 0,
      openWindow: false,
      files,
      home: folder.path,
      random: realRandom,
      env: {},
      platform: 'linux',
      say: (line) => said.push(line),
      signal,
    });
    return { said, running };
  }

  it('is at its address once there is a station, and before it where that takes long', async () => {
    const stop = new AbortController();
    const opened = Promise.withResolvers<void>();
    let closed = 0;
    const close = async (): Promise<void> => {
      closed += 1;
    };
    const { said, running } = shell(async (opening) => {
      await opened.promise;
      expect(said).toEqual([]);
      opening(at(41));
      opening(at(42));
      expect(said).toMatchObject([expect.stringMatching(/^Flashline is at http/), 'Ctrl+C stops it.']);
      return { station: composed.station, sync: composed.sync, close };
    }, stop.signal);
    opened.resolve();
    await expect.poll(() => said).toHaveLength(2);
    expect(closed).toBe(0);
    stop.abort();
    await running;
    expect([said.slice(2), closed]).toEqual([['Stopping.'], 1]);
  });

  it('ends with what the opening ended with, and lets its port go', async () => {
    const { said, running } = shell(async (opening) => {
      opening(at(1));
      throw new FlashlineError('aborted');
    }, new AbortController().signal);
    expect(await failureOf(() => running)).toMatchObject({ code: 'aborted' });
    const [line = ''] = said;
    await expect(fetch(line.replace('Flashline is at ', ''))).rejects.toThrow('fetch failed');
  });
});
