import { beforeEach, expect, it, vi } from 'vitest';
import { createSettingsStore } from '#renderer/stores/settings-store.ts';

const KEY = 'flashline.settings';

let kept: Map<string, string>;
beforeEach(() => {
  kept = new Map();
});

function storage(): Storage {
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
    clear: () => kept.clear(),
    key: () => null,
    length: 0,
  };
}

it('goes by the browser, then by the station, then by what somebody chose here', () => {
  const store = createSettingsStore(storage(), 'en-GB');
  expect(store.getState()).toEqual({ language: 'en', sound: true });
  store.goBy({ language: 'zh-CN', sound: false });
  expect(store.getState()).toEqual({ language: 'zh-CN', sound: false });
  store.setState({ language: 'en' });
  store.goBy({ language: 'zh-CN', sound: true });
  expect(store.getState()).toEqual({ language: 'en', sound: true });
  // What the station says is kept nowhere here: it may say something else tomorrow.
  expect(JSON.parse(kept.get(KEY) ?? '')).toEqual({ language: 'en' });
  const again = createSettingsStore(storage(), 'de');
  again.goBy({ language: 'zh-CN', sound: false });
  expect(again.getState()).toEqual({ language: 'en', sound: false });
});

it('takes both for chosen where an older version kept both', () => {
  kept.set(KEY, JSON.stringify({ language: 'zh-CN', sound: false }));
  const store = createSettingsStore(storage(), 'en');
  store.goBy({ language: 'en', sound: true });
  expect(store.getState()).toEqual({ language: 'zh-CN', sound: false });
});

it('goes back to the browser where the station leaves it to it, and tells nobody of nothing', () => {
  const store = createSettingsStore(storage(), 'zh-CN');
  store.goBy({ language: 'en', sound: true });
  const heard = vi.fn<() => void>();
  store.subscribe(heard);
  store.goBy({ language: 'en', sound: true });
  store.goBy(undefined);
  expect(heard).not.toHaveBeenCalled();
  store.goBy({ language: 'auto', sound: true });
  expect(store.getState().language).toBe('zh-CN');
});
