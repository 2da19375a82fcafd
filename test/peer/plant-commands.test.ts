import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease } from '#main/release/open-release.ts';
import { CommandUse, PlantCommand } from '#shared/contract/plant/command-api.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import { cliHere } from '#test/support/cli-here.ts';
import { type CliProcess, ROOT, startCli } from '#test/support/cli.ts';
import { migratedDatabase } from '#test/support/plant/migrated-database.ts';
import { requirePrograms } from '#test/support/programs.ts';

const PLACE = 0x3_0000;
const SIZE = 256;
const RECIPE = `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf51822
interface: swd
images:
  - { role: application, file: app.bin, version: 1.0.0, address: 0 }
manufacturing:
  kind: plant
  version: '1'
  address: ${PLACE}
  size: ${SIZE}
  fill: 0xff
  command: licence
  values: [scan.batch]
serial: { pattern: '^HB[0-9]{6}$' }
`;
/**
 * What a plant's engineer would write: 48 bytes of text, signed by OpenSSL. Each use is counted, as a licence server does; for one
 * batch it hangs, having counted.
 */
const PROGRAM = `#!/bin/sh
read -r unit
of() { printf '%s' "$unit" | sed -n "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/p"; }
serial=$(of serial)
printf '%s %s\\n' "$serial" "$(of use)" >> uses
case $(of scan.batch) in HANG) echo $$ > hangs; sleep 600;; esac
printf '%-24s%-24s' "$serial" "$(of uid)" > "$serial.txt"
cat "$serial.txt"
openssl dgst -sha256 -sign key.pem "$serial.txt"
`;

describe.skipIf(!requirePrograms(['openssl']))('a command of the plant', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flashline-commands-'));
  const plantHome = join(folder, 'plant');
  const home = join(folder, 'station');
  const commands = join(folder, 'commands.yaml');
  const release = join(folder, 'release');
  let server: CliProcess;
  let bench: CliProcess | undefined;
  let url = '';
  let probe = '';

  const serve = async (port: string) => {
    server = startCli(['plant', 'serve', '--port', port, '--commands', commands, '--json'], { home: plantHome });
    await server.waitFor('plant.listening');
    url = z.object({ url: z.string() }).parse(JSON.parse(server.stdout().split('\n')[0] ?? '')).url;
  };
  /** A blank one, whose flash is written and not erased: it is erased in the bench's time, and waited for in ours. */
  const serveBoard = async () => {
    bench?.child.kill('SIGTERM');
    bench = startCli(['bench', 'serve', '--chip', 'nrf51822', '--as', 'tcp:0', '--json'], { home: folder });
    await bench.waitFor('\n');
    const { port } = z.object({ port: z.number() }).parse(JSON.parse(bench.stdout().split('\n')[0] ?? ''));
    probe = `gdb:tcp:127.0.0.1:${port}`;
  };
  const plant = async (...args: string[]) => {
    const { code, lines, stderr } = await cliHere(['plant', ...args, '--json'], { home: plantHome });
    expect([args, code, stderr]).toEqual([args, 0, stderr]);
    return lines.map((line): unknown => JSON.parse(line));
  };
  const flash = async (serial: string, batch = '7B', ...more: string[]) => {
    const args = ['flash', '--release', release, '--serial', serial, '--probe', probe, '--scan', `batch=${batch}`];
    const { lines } = await cliHere([...args, '--json', ...more], { home });
    const events = lines.map((line) => RunEvent.parse(JSON.parse(line)));
    const end = events.at(-1);
    if (end?.type !== 'run.finished') throw new Error(lines.at(-1));
    const steps = events.flatMap((event) => (event.type === 'step.started' ? [event.step] : []));
    return { ...end, steps };
  };
  const uses = () => readFileSync(join(folder, 'uses'), 'utf8').trim().split('\n');
  const usesOf = (serial: string) => uses().filter((line) => line.startsWith(serial));

  beforeAll(async () => {
    mkdirSync(release);
    await placeDatabase(join(plantHome, 'plant', 'database'));
    writeFileSync(join(release, 'recipe.yaml'), RECIPE);
    writeFileSync(
      join(release, 'app.bin'),
      Uint8Array.from({ length: 1500 }, (_, index) => [0, 4, 0, 0x20, 0xd5, 0, 0, 0][index] ?? index & 0x7f),
    );
    const chips = await loadChips([join(ROOT, 'resources', 'chips')], nodeFiles);
    const { digest } = await openRelease(release, { chips, files: nodeFiles });
    writeFileSync(join(folder, 'licence'), PROGRAM, { mode: 0o755 });
    writeFileSync(
      commands,
      `commands: { licence: { run: [./licence], seconds: 30, policy: { releases: ['${digest}'], stations: [L1] } } }`,
      { mode: 0o600 },
    );
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'key.pem');
    openssl('pkey', '-in', 'key.pem', '-pubout', '-out', 'public.pem');
    await Promise.all([serve('0'), serveBoard()]);
    const [invited] = await plant('enrol-station', 'L1');
    const { code } = z.object({ code: z.string() }).parse(invited);
    const enrolled = await cliHere(['sync', 'enrol', '--plant', url, '--code', code], { home });
    if (enrolled.code !== 0) throw new Error(enrolled.stderr);
  }, 240_000);
  afterAll(async () => {
    server.child.kill('SIGTERM');
    bench?.child.kill('SIGTERM');
    await Promise.all([server.ended, bench?.ended]);
    rmSync(folder, { recursive: true, force: true });
  });

  it('makes what a unit is given: it is on its flash, OpenSSL verifies it, and the record says whose it is', async () => {
    const end = await flash('HB000001');
    expect([end.verdict, end.code]).toEqual(['PASS', undefined]);
    expect(end.steps.slice(0, 4)).toEqual(['connect', 'identify', 'plant-data', 'survey']);
    const out = join(folder, 'read.bin');
    const args = ['read', '--chip', 'nrf51822', '--probe', probe, '--address', String(PLACE), '--size', String(SIZE)];
    expect((await cliHere([...args, '--out', out], { home })).code).toBe(0);
    const flashed = readFileSync(out);
    const length = 2 + (flashed[49] ?? 0);
    writeFileSync(join(folder, 'text'), flashed.subarray(0, 48));
    writeFileSync(join(folder, 'signature'), flashed.subarray(48, 48 + length));
    const verify = ['dgst', '-sha256', '-verify', 'public.pem', '-signature', 'signature', 'text'];
    expect(execFileSync('openssl', verify, { cwd: folder, encoding: 'utf8' })).toBe('Verified OK\n');
    expect(flashed.toString('latin1', 0, 48)).toBe('HB000001'.padEnd(24) + (end.record?.uid ?? '').padEnd(24));
    expect(flashed.subarray(48 + length).every((byte) => byte === 0xff)).toBe(true);
    const [use] = z.array(CommandUse).parse(await plant('commands', 'show', 'licence'));
    expect(end.record?.unitData).toMatchObject({
      command: 'licence',
      use: use?.use,
      sha256: use?.sha256,
      again: false,
    });
    expect(usesOf('HB000001')).toEqual([`HB000001 ${use?.use ?? ''}`]);
    // Reworked, the unit has what it had.
    const again = await flash('HB000001', '7B', '--rework');
    expect(again.record?.unitData).toMatchObject({ use: use?.use, sha256: use?.sha256, again: true });
    expect(usesOf('HB000001')).toHaveLength(1);
  });

  it('whose server is killed in the middle is used once, and ends with it; nothing is touched until somebody says so', async () => {
    await serveBoard();
    // Boards of the bench have one hardware id: the plant knows this one under its other label.
    const running = flash('HB000002', 'HANG', '--rework');
    const hangs = join(folder, 'hangs');
    await expect.poll(() => existsSync(hangs) && readFileSync(hangs, 'utf8') !== '', { timeout: 110_000 }).toBe(true);
    server.child.kill('SIGKILL');
    await expect.poll(() => isAlive(Number(readFileSync(hangs, 'utf8'))), { timeout: 30_000 }).toBe(false);
    expect(await running).toMatchObject({
      verdict: 'ERROR',
      code: 'plant-needed',
      blame: 'plant',
      record: { bytesWritten: 0 },
    });
    await server.ended;
    await serve(new URL(url).port);
    const refused = await flash('HB000002', '7B', '--rework');
    expect(refused).toMatchObject({ verdict: 'ERROR', code: 'plant-command-refused', record: { bytesWritten: 0 } });
    expect(refused.message).toContain('is not known');
    expect(usesOf('HB000002')).toHaveLength(1);
    await plant('commands', 'renew', 'licence', '--serial', 'HB000002', '--reason', 'the licence server has one free');
    expect(await flash('HB000002', '7B', '--rework')).toMatchObject({ verdict: 'PASS' });
    expect(usesOf('HB000002')).toHaveLength(2);
    const shown = z.array(CommandUse).parse(await plant('commands', 'show', 'licence', '--serial', 'HB000002'));
    expect(shown.map(({ state, live }) => [state, live])).toEqual([
      ['given', true],
      ['lost', false],
    ]);
    const [listed] = z.array(PlantCommand).parse(await plant('commands', 'list'));
    expect(listed).toMatchObject({ name: 'licence', lost: 1 });
  });

  it('is tried by hand for a made-up unit, and gives nobody anything', async () => {
    const out = join(folder, 'tried.bin');
    const [tried] = await plant('commands', 'try', 'licence', '--serial', 'TRY000001', '--out', out);
    expect(tried).toMatchObject({ type: 'command.tried', end: 'gave', size: readFileSync(out).length });
    expect(z.array(CommandUse).parse(await plant('commands', 'show', 'licence', '--serial', 'TRY000001'))).toEqual([]);
    const wrong = await cliHere(['plant', 'commands', 'try', 'nothing', '--serial', 'X'], { home: plantHome });
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('nothing')]);
  });
});

/** An empty plant's database, as a server that ran before has left it: making one takes far longer. */
async function placeDatabase(place: string): Promise<void> {
  mkdirSync(place, { recursive: true });
  const dump = await (await migratedDatabase()).arrayBuffer();
  execFileSync('tar', ['-x', '-C', place], { input: new Uint8Array(dump), stdio: 'pipe' });
}

function isAlive(pid: number): boolean {
  try {
    // Dead, and not collected yet, is dead.
    return !/^\d+ \(.*\) Z/su.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
