import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { type ProbeChange, watchProbes } from '#main/link/hotplug.ts';
import { listUsbProbes } from '#main/link/usb-probes.ts';
import type { Clock } from '#shared/base/clock.ts';
import { type FakeInterface, plugDevice, unplugDevice } from './fake-sysfs.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'flashline-sys-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const V2: FakeInterface = { class: 'ff', name: 'CMSIS-DAP v2', endpoints: [0x01, 0x82] };

const NOTHING = () => undefined;

/** Watches over as many looks as there are happenings, each look after its own; then it is stopped. What each look told. */
async function seenOver(happenings: readonly (() => void)[], mayOpen: () => boolean = () => true) {
  const stop = new AbortController();
  const seen: string[][] = [];
  const virtual = new VirtualClock(0);
  const clock: Clock = {
    now: () => virtual.now(),
    monotonic: () => virtual.monotonic(),
    async sleep(ms, signal) {
      if (seen.length === happenings.length) stop.abort();
      await virtual.sleep(ms, signal);
    },
  };
  const list = async () => {
    happenings[seen.length]?.();
    seen.push([]);
    return listUsbProbes({ platform: 'linux', root, mayOpen: async () => mayOpen() });
  };
  const tell = ({ change, probe }: ProbeChange) => seen.at(-1)?.push(`${change} ${probe.portPath} ${probe.url}`);
  await watchProbes({ list, intervalMs: 500 }, { clock, signal: stop.signal }, tell);
  return { seen, elapsedMs: virtual.monotonic() };
}

describe('watching probes', () => {
  it('tells of those that are there, then of each that goes and comes', async () => {
    plugDevice(root, { port: '1-1', serial: 'A', interfaces: [V2] });
    const { seen, elapsedMs } = await seenOver([
      NOTHING,
      NOTHING,
      () => plugDevice(root, { port: '1-2', address: 8, serial: 'B', interfaces: [V2] }),
      () => unplugDevice(root, '1-1'),
    ]);
    expect(seen).toEqual([['added 1-1 cmsis-dap:A'], [], ['added 1-2 cmsis-dap:B'], ['removed 1-1 cmsis-dap:A']]);
    expect(elapsedMs).toBe(1500);
  });

  it('tells of a probe that was plugged in anew between two looks', async () => {
    plugDevice(root, { port: '1-1', address: 4, serial: 'A', interfaces: [V2] });
    const again = () => {
      unplugDevice(root, '1-1');
      plugDevice(root, { port: '1-1', address: 5, serial: 'A', interfaces: [V2] });
    };
    const { seen } = await seenOver([NOTHING, again]);
    expect(seen).toEqual([['added 1-1 cmsis-dap:A'], ['removed 1-1 cmsis-dap:A', 'added 1-1 cmsis-dap:A']]);
  });

  it('tells when udev has opened a probe to us, and when a twin changes its name', async () => {
    plugDevice(root, { port: '1-1', address: 4, serial: 'A', interfaces: [V2] });
    let allowed = false;
    const allow = () => {
      allowed = true;
    };
    const twin = () => plugDevice(root, { port: '1-2', address: 5, serial: 'A', interfaces: [V2] });
    const { seen } = await seenOver([NOTHING, allow, twin], () => allowed);
    expect(seen).toEqual([
      ['added 1-1 cmsis-dap:A'],
      ['changed 1-1 cmsis-dap:A'],
      ['changed 1-1 cmsis-dap:@1-1', 'added 1-2 cmsis-dap:@1-2'],
    ]);
  });

  it('looks at once when the system says so, and takes its ear back at the end', async () => {
    const stop = new AbortController();
    let poke: () => void = () => undefined;
    let listening = 0;
    const added = Promise.withResolvers<ProbeChange>();
    const listened = Promise.withResolvers<void>();
    const clock = {
      now: () => 0,
      monotonic: () => 0,
      // Time never passes: only a hint, or the end, wakes it.
      sleep: (_ms: number, signal?: AbortSignal) =>
        new Promise<void>((_resolve, reject) => {
          const cut = () => reject(new Error('cut short'));
          if (signal?.aborted) cut();
          signal?.addEventListener('abort', cut, { once: true });
        }),
    };
    const watching = watchProbes(
      {
        list: () => listUsbProbes({ platform: 'linux', root, mayOpen: async () => true }),
        hints: async (call) => {
          poke = call;
          listening++;
          listened.resolve();
          return async () => {
            listening--;
          };
        },
        intervalMs: 500,
      },
      { clock, signal: stop.signal },
      added.resolve,
    );
    await listened.promise;
    plugDevice(root, { port: '1-1', interfaces: [V2] });
    poke();
    expect((await added.promise).probe.portPath).toBe('1-1');
    expect(listening).toBe(1);
    stop.abort();
    await watching;
    expect(listening).toBe(0);
  });

  it('polls where the system tells nothing, and lets go when listing fails', async () => {
    let stopped = 0;
    const options = {
      list: () => Promise.reject(new Error('no such place')),
      hints: async () => async () => {
        stopped++;
      },
      intervalMs: 500,
    };
    const io = { clock: new VirtualClock(0), signal: new AbortController().signal };
    await expect(watchProbes(options, io, () => undefined)).rejects.toThrow('no such place');
    expect(stopped).toBe(1);
    const refused = { ...options, hints: () => Promise.reject(new Error('no netlink')) };
    await expect(watchProbes(refused, io, () => undefined)).rejects.toThrow('no such place');
  });
});
