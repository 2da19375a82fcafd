import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { workplace } from '#main/app/compose-home.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { type CliEnd, runCli } from '#test/support/cli.ts';

const RECIPE = `schema: 1
product: { id: small, revision: A, name: Small board }
chip: nrf52840
interface: swd
images:
  - { role: application, file: app.bin, version: 1.0.0, address: 0 }
serial: { pattern: '^HB[0-9]{6}$' }
`;
/** Initial SP, reset vector, and a branch to itself. */
const APP = Uint8Array.of(0x00, 0x04, 0x00, 0x20, 0x09, 0, 0, 0, 0xfe, 0xe7, 0, 0);
const BENCH = 'bench:nrf52840';
/** Nobody listens there: whoever gets as far as this was let through. */
const REAL = 'gdb:tcp:127.0.0.1:1';

let home: string;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-folder-'));
  writeFileSync(join(folder, 'recipe.yaml'), RECIPE);
  writeFileSync(join(folder, 'app.bin'), APP);
  home = mkdtempSync(join(tmpdir(), 'flashline-release-'));
});
afterEach(() => {
  for (const each of [home, folder]) rmSync(each, { recursive: true, force: true });
});

const at = (name: string) => join(home, name);
const cli = (...args: string[]): Promise<CliEnd> => cliHere(args, { home, unsigned: 'refuse' });
const release = (...args: string[]) => cli('release', ...args, '--json');

function makeKey(name: string): { readonly secret: string; readonly open: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(at(`${name}.pem`), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(at(`${name}.pub.pem`), publicKey.export({ format: 'pem', type: 'spki' }));
  return { secret: at(`${name}.pem`), open: at(`${name}.pub.pem`) };
}

async function signedPack(): Promise<{ readonly file: string; readonly key: ReturnType<typeof makeKey> }> {
  const key = makeKey('key');
  const file = at('x.flashpack');
  expect((await release('build', folder, '--key', key.secret, '--out', file)).code).toBe(0);
  return { file, key };
}

const Last = z.looseObject({ type: z.string(), code: z.string().optional() });
const last = (end: CliEnd) => Last.parse(JSON.parse(end.lines.at(-1) ?? 'null'));
const Setting = z.object({ value: z.string(), changedBy: z.string().nullable(), changedAt: z.string().nullable() });
const Finished = z.object({ verdict: z.string(), code: z.string().optional(), record: UnitRecord.nullable() });
const flash = async (file: string, probe: string, serial = 'HB000001') => {
  // Whole runs in a process of their own, as on a line.
  const args = ['flash', '--release', file, '--serial', serial, '--probe', probe, '--json'];
  const end = probe === BENCH ? await runCli(args, { home, unsigned: 'refuse' }) : await cli(...args);
  return { code: end.code, last: last(end), record: Finished.safeParse(last(end)).data?.record ?? null };
};

describe('a release as one file', () => {
  it('is built, verified, shown and run, and the record says whose it is', async () => {
    const { file, key } = await signedPack();
    expect(last(await release('verify', file))).toMatchObject({ type: 'failed', code: 'release-key-unknown' });
    expect(last(await release('verify', file, '--key', key.open))).toMatchObject({ type: 'release.verified' });
    const shown = last(await release('show', file));
    expect(shown).toMatchObject({ type: 'release', product: { id: 'small' }, signature: expect.any(String) });
    expect((await flash(file, BENCH)).last).toMatchObject({ code: 'release-key-unknown' });
    expect((await release('trust', 'add', key.open, '--name', 'Release 2027')).code).toBe(0);
    const { code, record } = await flash(file, BENCH);
    expect(code).toBe(0);
    expect(record).toMatchObject({
      release: shown['digest'],
      signingKeys: [shown['signature']],
      signedBy: { by: 'release-key', keyId: shown['signature'], name: 'Release 2027' },
    });
    // The folder that it was made of is the same release, that nobody signed.
    const open = await flash(folder, BENCH, 'HB000002');
    expect(open.record).toMatchObject({ release: shown['digest'], signedBy: 'unsigned', signingKeys: [] });
  });

  it('is not written where the recipe cannot be run, nor over an older one', async () => {
    const { file, key } = await signedPack();
    const before = readFileSync(file);
    writeFileSync(join(folder, 'recipe.yaml'), RECIPE.replace(/^chip:.*$/m, 'chip: z80'));
    expect(last(await release('build', folder, '--key', key.secret, '--out', file))).toMatchObject({
      code: 'chip-unknown',
    });
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(home).filter((name) => name.includes('flashpack'))).toEqual(['x.flashpack']);
  });

  it.each([
    ['neither key nor --unsigned', [], 'usage'],
    ['both', ['--key', 'k', '--unsigned'], 'usage'],
    ['a key that is none', ['--key', 'package.json'], 'release-key-unusable'],
    ['a key that is not there', ['--key', 'nowhere.pem'], 'file-missing'],
  ])('is not built with %s', async (_, args, code) => {
    expect(last(await release('build', folder, '--out', at('y.flashpack'), ...args))).toMatchObject({ code });
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('on a real probe', () => {
  it('a release without a signature runs where nobody has said yet whom the station trusts', async () => {
    const tried = await flash(folder, REAL);
    expect([tried.last.code, tried.record?.signedBy]).toEqual(['probe-not-found', 'unsigned']);
    expect(last(await release('trust', 'list'))).toMatchObject({ type: 'release.unsigned', allowed: true });
  });

  it('a release without a signature does not run until it is allowed', async () => {
    const unsigned = at('u.flashpack');
    await release('build', folder, '--unsigned', '--out', unsigned);
    await release('trust', 'unsigned', 'refuse');
    for (const path of [folder, unsigned])
      expect(await flash(path, REAL)).toMatchObject({ code: 2, last: { code: 'release-unsigned' } });
    // A signed one gets as far as the probe that is not there.
    const { file, key } = await signedPack();
    await release('trust', 'add', key.open, '--name', 'R');
    const tried = await flash(file, REAL);
    expect([tried.last.code, tried.record?.signedBy]).toEqual([
      'probe-not-found',
      expect.objectContaining({ name: 'R' }),
    ]);
    await release('trust', 'unsigned', 'allow');
    const { last: allowed, record } = await flash(folder, REAL);
    expect(allowed.code).toBe('probe-not-found');
    expect(record?.signedBy).toBe('unsigned');
    await release('trust', 'unsigned', 'refuse');
    expect((await flash(folder, REAL)).last.code).toBe('release-unsigned');
  });
});

describe('the setting release.unsigned', () => {
  const set = (answer: string) => cli('settings', 'set', 'release.unsigned', answer, '--json');
  const value = async () =>
    Setting.parse(JSON.parse((await cli('settings', 'get', 'release.unsigned', '--json')).stdout));

  it('refuses on a fresh station and runs on one with keys; the bench runs all, and records tell by whose leave', async () => {
    expect(await value()).toMatchObject({ value: 'until-set-up', changedBy: null });
    expect((await set('refuse')).code).toBe(0);
    expect((await flash(folder, REAL)).last.code).toBe('release-unsigned');
    const bench = await flash(folder, BENCH);
    expect([bench.code, bench.record?.signedBy, bench.record?.unsignedAllowed]).toEqual([0, 'unsigned', undefined]);
    await release('trust', 'add', makeKey('key').open, '--name', 'R');
    expect(await value()).toMatchObject({ value: 'refuse', changedBy: workplace().operator });
    await set('allow');
    const { changedAt: at, changedBy: by } = await value();
    const allowed = await flash(folder, REAL, 'HB000002');
    expect([allowed.last.code, allowed.record?.unsignedAllowed]).toEqual(['probe-not-found', { by, at }]);
    await release('trust', 'remove', 'R');
    await set('until-set-up');
    const fresh = await flash(folder, REAL, 'HB000003');
    expect([fresh.last.code, fresh.record?.unsignedAllowed]).toEqual(['probe-not-found', undefined]);
  });
});

describe('the list of trusted keys', () => {
  it('takes a key with its dates, gives it new ones, and drops it', async () => {
    const { file, key } = await signedPack();
    await release('trust', 'add', key.open, '--name', 'Early', '--from', '2999-01-01');
    expect(last(await release('verify', file)).code).toBe('release-key-early');
    await release('trust', 'add', key.open, '--name', 'Late', '--from', '2020-01-01', '--until', '2021-01-01');
    expect(last(await release('verify', file)).code).toBe('release-key-ended');
    await release('trust', 'add', key.open, '--name', 'Now');
    expect(last(await release('verify', file))).toMatchObject({ signedBy: { name: 'Now' } });
    const { lines } = await release('trust', 'list');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      expect.objectContaining({ type: 'release.key', name: 'Now' }),
      { type: 'release.unsigned', allowed: false },
    ]);
    await release('trust', 'remove', 'Now');
    expect(last(await release('verify', file)).code).toBe('release-key-unknown');
  });

  it('takes no private key, no name of nothing, no time that ends before it begins', async () => {
    const key = makeKey('key');
    const add = (...args: string[]) => release('trust', 'add', ...args);
    expect(last(await add(key.secret, '--name', 'R')).code).toBe('release-key-unusable');
    expect(last(await add(key.open, '--name', ' ')).code).toBe('usage');
    expect(last(await add(key.open, '--name', 'R', '--from', '2027-01-01', '--until', '2027-01-01')).code).toBe(
      'usage',
    );
    expect(last(await release('trust', 'remove', 'R')).code).toBe('usage');
    expect(last(await release('trust', 'unsigned', 'perhaps')).code).toBe('usage');
  });

  it('that is damaged trusts nobody, and says so', async () => {
    const { file, key } = await signedPack();
    await release('trust', 'add', key.open, '--name', 'R');
    writeFileSync(join(home, 'keys', 'release-keys.json'), '{"schema":1,"keys":[],"unsigned":true}');
    expect((await flash(file, REAL)).last.code).toBe('trust-unreadable');
    expect((await flash(folder, REAL)).last.code).toBe('trust-unreadable');
  });
});
