import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256Hex } from '#shared/base/digest.ts';
import { settingNames, SETTINGS } from '#shared/model/settings.ts';
import { workplace } from '#main/app/compose-home.ts';
import { type CliEnd, ROOT } from '#test/support/cli.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { FakePlant } from '#test/support/fake-plant/fake-plant.ts';
import { type ServedPlant, servePlant } from '#test/support/fake-plant/serve-plant.ts';

/** Where there is one, a disk in memory: what is tried is not the disk. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const Line = z.looseObject({ type: z.string(), code: z.string().optional() });
const Recorded = z.object({ record: z.looseObject({ release: z.string() }) });
const json = (end: CliEnd) => end.lines.map((line) => Line.parse(JSON.parse(line)));

let home: string;
const newHome = () => mkdtempSync(join(MEMORY, 'flashline-settings-'));
const settings = (args: readonly string[], more: Omit<Parameters<typeof cliHere>[1], 'home'> = {}) =>
  cliHere(['settings', ...args], { home, ...more });

describe('at a station without a plant', () => {
  beforeEach(() => {
    home = newHome();
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('are listed with what each means, in two languages, and as JSON', async () => {
    const shown = await settings(['list']);
    expect([shown.code, shown.lines.length]).toEqual([0, settingNames.length + 1]);
    for (const name of settingNames) expect(shown.stdout).toMatch(new RegExp(`^${name} +\\S`, 'm'));
    expect((await settings(['list', '--language', 'zh-CN'])).stdout).toContain('工位');
    expect(json(await settings(['list', '--json']))).toEqual(
      settingNames.map((name) =>
        expect.objectContaining({ type: 'setting', name, value: SETTINGS[name].initial, changedBy: null }),
      ),
    );
  });

  it('are set by whoever has the account, and who and when is kept, the newest first', async () => {
    expect(json(await settings(['set', 'log.keep', '30', '--json']))).toEqual([
      { type: 'setting.changed', name: 'log.keep', value: '30', by: workplace().operator, at: expect.any(String) },
    ]);
    await settings(['set', 'log.keep', 'all']);
    const [got] = json(await settings(['get', 'log.keep', '--json']));
    expect(got).toMatchObject({ value: 'all', default: 'all', changedBy: workplace().operator });
    expect(got).toMatchObject({ changes: [{ value: 'all' }, { value: '30' }] });
    const shown = await settings(['get', 'log.keep']);
    expect(shown.stdout).toMatch(/30, by /);
  });

  it.each([
    [['get', 'log.kept'], 'setting-unknown', 'log.keep'],
    [['set', 'log.kept', '1'], 'setting-unknown', 'log.keep'],
    [['set', 'log.keep', '0'], 'setting-value', '1 to 36500, or all (days)'],
    [['set', 'locks.wait', '-5'], 'setting-value', '1 to 480 (minutes)'],
    [['set', 'locks.wait', '481'], 'setting-value', '1 to 480 (minutes)'],
    [['set', 'start.auto', 'yes'], 'setting-value', 'on, off'],
    [['set', 'station.probes', 'bench:nrf52840,nowhere:1'], 'probe-address', 'nowhere'],
    [['set', 'log.keep'], 'usage', ''],
    [['list', '--language', 'de'], 'usage', 'zh-CN'],
  ])('refuse what cannot be, and nothing is changed: %s', async (args, code, words) => {
    const end = await settings([...args, '--json']);
    expect([end.code, json(end).at(-1)?.code]).toEqual([2, code]);
    expect(end.stdout).toContain(words);
    // Refused before the log is even made.
    expect(readdirSync(home)).toEqual([]);
  });

  it('keep a path as it is found from anywhere', async () => {
    const kept = async (value: string) =>
      json(await settings(['set', 'station.release', value, '--json']))[0]?.['value'];
    expect(await kept('my-product')).toBe(join(process.cwd(), 'my-product'));
    expect(await kept('plant:my-product')).toBe('plant:my-product');
  });

  it('are named by the help with examples', async () => {
    const help = await settings(['set', '--help']);
    expect(help.stdout).toContain('flashline settings set log.keep 400');
  });
});

describe('at a station of a plant', () => {
  const badgeOf = (badge: string) => sha256Hex(new TextEncoder().encode(badge));
  let plant: FakePlant;
  let served: ServedPlant;
  beforeAll(async () => {
    home = newHome();
    plant = new FakePlant();
    const users = [
      { name: 'wei', roles: ['operator'], badge: badgeOf('W-1') },
      { name: 'ada', roles: ['supervisor'], badge: badgeOf('A-2') },
      { name: 'jan', roles: ['operator', 'process-engineer'], badge: badgeOf('J-3') },
    ];
    plant.catalog = { releases: [], withdrawn: [], orders: [], pools: [], users };
    served = await servePlant(plant);
    await cliHere(['sync', 'enrol', '--plant', served.url, '--code', plant.invite('L1')], { home });
  });
  afterAll(async () => {
    await served.close();
    rmSync(home, { recursive: true, force: true });
  });

  const set = (name: string, value: string, badge: string) =>
    settings(['set', name, value, '--json'], { env: { FLASHLINE_BADGE: badge } });

  it.each([
    ['log.keep', '31', 'J-3', 'jan'],
    ['start.auto', 'off', 'A-2', 'ada'],
  ])('%s is set to %s by a badge with the role', async (name, value, badge, by) => {
    expect(json(await set(name, value, badge))[0]).toMatchObject({ type: 'setting.changed', name, value, by });
  });

  it.each([
    ['log.keep', '5', 'A-2', 'setting-no-role'],
    ['start.auto', 'on', 'W-1', 'setting-no-role'],
    ['log.keep', '5', 'Z-SECRET', 'badge-unknown'],
  ])('%s is not set to %s by the badge %s', async (name, value, badge, code) => {
    const end = await set(name, value, badge);
    expect([end.code, json(end).at(-1)?.code]).toEqual([3, code]);
    expect(`${end.stdout}${end.stderr}`).not.toContain('SECRET');
    expect(json(await settings(['get', name, '--json']))[0]?.['value']).not.toBe(value);
  });

  it('lets a process engineer run what nobody signed, and the plant’s documents come first', async () => {
    const folder = join(ROOT, 'resources', 'demo', 'hello-nrf51822');
    // Nobody listens there: whoever gets as far as this was let through.
    const probe = 'gdb:tcp:127.0.0.1:1';
    const flash = async () => {
      const args = ['flash', '--release', folder, '--serial', 'HB000001', '--probe', probe, '--json'];
      const [end] = json(await cliHere(args, { home, unsigned: 'refuse' })).slice(-1);
      return [end?.code, Recorded.safeParse(end).data?.record] as const;
    };
    expect(await flash()).toEqual(['release-unsigned', undefined]);
    expect(json(await set('release.unsigned', 'allow', 'A-2')).at(-1)?.code).toBe('setting-no-role');
    const around = await cliHere(['release', 'trust', 'unsigned', 'allow', '--json'], {
      home,
      env: { FLASHLINE_BADGE: 'W-1' },
    });
    expect(json(around).at(-1)?.code).toBe('setting-no-role');
    expect(await flash()).toEqual(['release-unsigned', undefined]);
    const [change] = json(await set('release.unsigned', 'allow', 'J-3'));
    const unsignedAllowed = { by: 'jan', at: change?.['at'] };
    const [code, record] = await flash();
    expect([code, record]).toEqual([
      'probe-not-found',
      expect.objectContaining({ signedBy: 'unsigned', unsignedAllowed }),
    ]);
    plant.catalog = { ...plant.catalog, withdrawn: [record?.release ?? ''] };
    await cliHere(['sync', 'now'], { home });
    expect((await flash())[0]).toBe('release-withdrawn');
  });

  it('has its release keys changed by the same badge, and every change is kept with who made it', async () => {
    const keyFile = join(home, 'release.pub.pem');
    const { publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(keyFile, publicKey.export({ type: 'spki', format: 'pem' }));
    const trust = (badge: string | null, ...args: string[]) =>
      cliHere(['release', 'trust', ...args, '--json'], {
        home,
        unsigned: 'refuse',
        ...(badge === null ? {} : { env: { FLASHLINE_BADGE: badge } }),
      });
    const keys = async () => json(await trust(null, 'list')).filter(({ type }) => type === 'release.key');
    const add = ['add', keyFile, '--name', 'Release 2027'];
    const refused = async (badge: string | null, ...args: string[]) => {
      const end = await trust(badge, ...args);
      return [end.code, json(end).at(-1)?.code];
    };
    // Neither a supervisor, nor a badge that nobody has, nor nobody at all.
    expect(await refused('A-2', ...add)).toEqual([3, 'setting-no-role']);
    expect(await refused('Z-SECRET', ...add)).toEqual([3, 'badge-unknown']);
    expect(await refused(null, ...add)).toEqual([2, 'usage']);
    expect(await keys()).toEqual([]);
    expect((await trust('J-3', ...add)).code).toBe(0);
    const [key] = await keys();
    expect(key).toMatchObject({ name: 'Release 2027', addedBy: 'jan' });
    // What is mistyped is told before a badge is asked for.
    expect(await refused(null, 'remove', 'Release 2028')).toEqual([2, 'usage']);
    expect(await refused('W-1', 'remove', 'Release 2027')).toEqual([3, 'setting-no-role']);
    expect(await keys()).toHaveLength(1);
    expect((await trust('J-3', 'remove', 'Release 2027')).code).toBe(0);
    expect(await keys()).toEqual([]);
    const changes = json(await trust(null, 'list', '--changes')).filter(({ type }) => type === 'release.keys.changed');
    const id = String(key?.['keyId']);
    expect(changes).toMatchObject([
      { value: `remove ${id} Release 2027`, by: 'jan' },
      { value: expect.stringMatching(`^add ${id} Release 2027, from `), by: 'jan' },
    ]);
    // No setting of that name has come up.
    expect(json(await settings(['list', '--json'])).map(({ name }) => name)).toEqual(settingNames);
  });

  it('asks for the badge, and says where it may stand where nobody can be asked', async () => {
    const asked: string[] = [];
    const askSecret = async (prompt: string) => {
      asked.push(prompt);
      return 'J-3';
    };
    expect((await settings(['set', 'locks.wait', '20'], { askSecret })).code).toBe(0);
    expect(asked).toEqual(['Badge (process-engineer): ']);
    const alone = await settings(['set', 'locks.wait', '21']);
    expect([alone.code, alone.stderr.includes('FLASHLINE_BADGE')]).toEqual([2, true]);
    expect(readFileSync(join(home, 'station.db')).includes('J-3')).toBe(false);
  });
});
