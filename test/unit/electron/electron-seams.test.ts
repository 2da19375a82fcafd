import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shellOptions } from '#main/app/electron-options.ts';
import { shellTexts } from '#main/app/electron-texts.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** Files of ours that import `name` from Electron. */
function importersOf(name: string): string[] {
  const files = ['src-main', 'src-shared', 'src-renderer', 'src-plant'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  const imports = new RegExp(String.raw`import (?!type)[^;]*\b${name}\b[^;]*from 'electron`);
  return files.filter((file) => /\.tsx?$/.test(file) && imports.test(readFileSync(join(root, file), 'utf8')));
}

describe('the seams of the desktop shell', () => {
  it('has one file on each side of the process border', () => {
    expect(importersOf('ipcMain')).toEqual([join('src-main', 'app', 'electron-ipc.ts')]);
    expect(importersOf('ipcRenderer')).toEqual([join('src-main', 'app', 'preload.ts')]);
    expect(importersOf('contextBridge')).toEqual([join('src-main', 'app', 'preload.ts')]);
  });

  it('reads its own arguments from among Chromium’s', () => {
    expect(
      shellOptions(['.', '--remote-debugging-port=0', '--kiosk', '--probe', 'bench:a', '--probe=gdb:tcp:h:1']),
    ).toEqual({
      bench: false,
      release: null,
      probes: ['bench:a', 'gdb:tcp:h:1'],
      kiosk: true,
      hidden: false,
    });
    expect(shellOptions(['--bench', '--release', 'my product', '--hidden', '--no-sandbox', '--', 'x'])).toEqual({
      bench: true,
      release: 'my product',
      probes: [],
      kiosk: false,
      hidden: true,
    });
  });

  it('speaks in dialogs both languages of the screens, naming the slots in each', () => {
    const english = shellTexts(join(root, 'resources'), 'en-GB');
    const chinese = shellTexts(join(root, 'resources'), 'zh-CN');
    expect(shellTexts(join(root, 'resources'), 'de')).toEqual(english);
    for (const texts of [english, chinese]) expect(texts.quitDetail).toContain('{{slots}}');
    for (const text of Object.values(chinese)) expect(text).toMatch(/[\u4e00-\u9fff]/);
  });
});
