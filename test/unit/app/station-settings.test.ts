import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Failure } from '#shared/model/failure.ts';
import { composeHost } from '#main/app/compose-host.ts';
import { openStoresOf } from '#main/app/compose-home.ts';
import { StationSettings } from '#main/app/station-settings.ts';
import type { SettingChange, SettingsStore } from '#main/log/settings-store.ts';
import { ROOT } from '#test/support/cli.ts';
import { TwoClocks } from '../sync/rig.ts';

/** Where there is one, a disk in memory: what is tried is not the disk. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const at = '2026-03-01T08:00:00.000Z';
const resources = join(ROOT, 'resources');
const changer = { account: 'jan', at, badge: () => Promise.reject(new Error('nobody is asked here')) };

describe('settings that another process changes', () => {
  let kept: SettingChange[] = [];
  let broken = false;
  const store: SettingsStore = {
    newest: async () => {
      if (broken) throw new Error('the disk is gone');
      return [...kept];
    },
    changes: async () => [],
    change: async (change) => void kept.push(change),
  };

  it('are seen within seconds, told once each, and a look that fails does not end the looking', async () => {
    kept = [];
    const clock = new TwoClocks();
    const settings = await StationSettings.open(store);
    const ending = new AbortController();
    let told = 0;
    const warned: Failure[] = [];
    const watched = settings.watch(
      clock,
      () => void (told += 1),
      (failure) => warned.push(failure),
      ending.signal,
    );
    const look = async () => {
      clock.advance(2000);
      // Every promise between the clock and the next sleep.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    };
    await look();
    expect([told, settings.values['locks.wait']]).toEqual([0, 10]);
    kept = [{ name: 'locks.wait', value: '3', by: 'ada', at }];
    await look();
    await look();
    expect([told, settings.values['locks.wait']]).toEqual([1, 3]);
    broken = true;
    await look();
    broken = false;
    kept = [{ name: 'locks.wait', value: '4', by: 'ada', at }];
    await look();
    expect([told, settings.values['locks.wait'], warned.length]).toEqual([2, 4, 1]);
    ending.abort();
    await watched;
  });

  it('fall back to the default where a newer version kept something else', async () => {
    kept = [
      { name: 'locks.wait', value: 'for ever', by: 'ada', at },
      { name: 'moon.phase', value: 'full', by: 'ada', at },
    ];
    const settings = await StationSettings.open(store);
    expect(settings.values['locks.wait']).toBe(10);
  });
});

describe('the station that a shell shows', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(MEMORY, 'flashline-host-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  async function set(values: Readonly<Partial<Record<Parameters<StationSettings['set']>[0], string>>>) {
    const stores = await openStoresOf(home, () => undefined);
    const settings = await StationSettings.open(stores.settings);
    for (const [name, value] of Object.entries(values)) await stores.settings.change({ name, value, by: 'jan', at });
    expect(await settings.refresh()).toBe(true);
    await stores.log.close();
  }

  async function stateOf(over: { readonly bench?: boolean; readonly probes?: readonly string[] } = {}) {
    const options = { bench: false, probes: [], release: null, warn: () => undefined, ...over };
    const host = await composeHost({ resources, home, appVersion: '0', ...options });
    try {
      return host.station.state();
    } finally {
      await host.close();
    }
  }

  it('has the slots, the release and the switch that were set, unless its command names others', async () => {
    await set({
      'station.probes': 'gdb:tcp:127.0.0.1:1,gdb:tcp:127.0.0.1:2',
      'station.release': join(resources, 'demo', 'hello-nrf51822'),
      'start.auto': 'on',
      'screen.language': 'zh-CN',
      'screen.sound': 'off',
    });
    const state = await stateOf();
    expect(state.slots.map(({ probe }) => probe)).toEqual(['gdb:tcp:127.0.0.1:1', 'gdb:tcp:127.0.0.1:2']);
    expect(state).toMatchObject({
      mode: 'probes',
      release: { chip: 'nrf51822' },
      autoStart: true,
      screen: { language: 'zh-CN', sound: false },
    });
    const bench = await stateOf({ bench: true });
    expect([bench.mode, bench.slots.length, bench.release?.chip]).toEqual(['bench', 4, 'nrf52840']);
    const named = await stateOf({ probes: ['gdb:tcp:127.0.0.1:3'] });
    expect([named.slots.map(({ probe }) => probe), named.release]).toEqual([['gdb:tcp:127.0.0.1:3'], null]);
  });

  it('sees a change while it is open', async () => {
    const options = { bench: true, probes: [], release: null, warn: () => undefined };
    const host = await composeHost({ resources, home, appVersion: '0', ...options });
    try {
      await host.settings.set('screen.language', 'zh-CN', changer);
      expect(host.station.state().screen).toEqual({ language: 'zh-CN', sound: true });
    } finally {
      await host.close();
    }
  });

  it('leaves no log open where it cannot be put together', async () => {
    await set({ 'station.probes': 'gdb:tcp:127.0.0.1:1', 'station.release': join(home, 'nowhere') });
    await expect(stateOf()).rejects.toMatchObject({ failure: { code: 'file-missing' } });
    await expect(stateOf({ bench: true })).resolves.toMatchObject({ mode: 'bench' });
  });
});
