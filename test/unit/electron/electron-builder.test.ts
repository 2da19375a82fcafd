import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const root = join(import.meta.dirname, '..', '..', '..');

const Target = z.object({ target: z.string(), arch: z.array(z.string()) });
const Platform = z.object({ target: z.array(Target), icon: z.string(), artifactName: z.string() }).loose();
const Config = z.object({
  files: z.tuple([z.object({ from: z.literal('.'), filter: z.array(z.string()) })]),
  extraResources: z.array(z.object({ from: z.string(), to: z.string() })),
  asar: z.boolean(),
  asarUnpack: z.array(z.string()),
  electronFuses: z.record(z.string(), z.boolean()),
  publish: z.null(),
  win: Platform,
  linux: Platform,
  deb: z.object({ fpm: z.array(z.string()) }).loose(),
  nsis: z.object({ perMachine: z.boolean(), deleteAppDataOnUninstall: z.boolean() }).loose(),
});

const config = Config.parse(parse(readFileSync(join(root, 'electron-builder.yml'), 'utf8')));
const [{ filter }] = config.files;

describe('the installers', () => {
  it('are an NSIS setup for Windows, an AppImage and a deb for Linux, uploaded nowhere', () => {
    expect(config.win.target.map(({ target }) => target)).toEqual(['nsis']);
    expect(config.linux.target.map(({ target }) => target)).toEqual(['AppImage', 'deb']);
    for (const { artifactName } of [config.win, config.linux])
      expect(artifactName).toMatch(/\$\{version\}.*\$\{arch\}.*\.\$\{ext\}$/);
    expect(config.nsis.deleteAppDataOnUninstall).toBe(false);
  });

  it('set every fuse there is: no Node from outside, nothing but our own archive', () => {
    expect(config.electronFuses).toEqual({
      runAsNode: false,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableCookieEncryption: true,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      loadBrowserProcessSpecificV8Snapshot: false,
      grantFileProtocolExtraPrivileges: false,
    });
    // A fuse that electron-builder learns to set must be thought about here.
    const known = readFileSync(join(root, 'node_modules/app-builder-lib/out/configuration.d.ts'), 'utf8');
    const block = /interface FuseOptionsV1 \{([^]*?)\n\}/.exec(known)?.[1] ?? '';
    const names = [...block.matchAll(/^ {4}(\w+)\?: boolean/gm)].map(([, name]) => name);
    expect(new Set(names)).toEqual(new Set([...Object.keys(config.electronFuses), 'resetAdHocDarwinSignature']));
  });

  it('bring the udev rule along where people and udev find it', () => {
    expect(config.extraResources.map(({ from }) => existsSync(join(root, from)))).toEqual([true]);
    const [rule, place] = config.deb.fpm[0]?.split('=') ?? [];
    expect(existsSync(join(root, rule ?? ''))).toBe(true);
    expect(place).toMatch(/^\/usr\/lib\/udev\/rules\.d\/\d+-[a-z]+\.rules$/);
  });

  it('keep native modules outside the archive', () => {
    expect(config.asar).toBe(true);
    expect(config.asarUnpack).toContain('**/*.node');
  });

  it('begin with nothing and add only what exists or is built', () => {
    expect(filter[0]).toBe('!**/*');
    const built = ['dist/electron', 'dist/renderer'];
    const named = filter.filter((pattern) => !pattern.startsWith('!')).map((pattern) => placeOf(pattern));
    for (const path of [...named, config.win.icon, config.linux.icon])
      expect([path, built.includes(path) || existsSync(join(root, path))]).toEqual([path, true]);
    const { main } = z.object({ main: z.string() }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
    expect(built).toContain(dirname(main));
  });

  it('carry every package that the bundles leave out, with all that those require', () => {
    const externals = ['better-sqlite3', 'node-hid', 'serialport', 'usb'];
    expect(readFileSync(join(root, 'scripts/build.js'), 'utf8')).toContain(
      `['electron', ${externals.map((name) => `'${name}'`).join(', ')}]`,
    );
    const required = new Set<string>();
    const visit = (name: string, from: string): void => {
      const file = packageFile(name, from);
      if (required.has(name) || file === null) return;
      required.add(name);
      const { dependencies } = z
        .object({ dependencies: z.record(z.string(), z.string()).default({}) })
        .parse(JSON.parse(readFileSync(file, 'utf8')));
      for (const each of Object.keys(dependencies)) if (!BUILD_ONLY.has(each)) visit(each, file);
    };
    for (const name of externals) visit(name, join(root, 'package.json'));
    const missing = [...required].filter((name) => !filter.some((pattern) => covers(pattern, name)));
    expect(missing).toEqual([]);
  });
});

/** Headers and types: of no use once a binary is there. */
const BUILD_ONLY = new Set(['node-addon-api', '@types/w3c-web-usb']);

/** The folder or file that a pattern names. */
function placeOf(pattern: string): string {
  return pattern.replace(/\/\*\*\/\*$/, '');
}

function covers(pattern: string, name: string): boolean {
  return !pattern.startsWith('!') && `node_modules/${name}/`.startsWith(`${placeOf(pattern)}/`);
}

function packageFile(name: string, from: string): string | null {
  const places = createRequire(from).resolve.paths(name) ?? [];
  return places.map((place) => join(place, name, 'package.json')).find((file) => existsSync(file)) ?? null;
}
