import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readU32 } from '#shared/base/bytes.ts';
import { Prng } from '#main/bench/prng.ts';
import { openLogOf } from '#main/app/compose-home.ts';
import { RunEvent } from '#shared/model/run-event.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { ROOT, runCli, startCli } from '#test/support/cli.ts';
import { gdbProxy } from '#test/support/gdb-proxy.ts';
import { requirePrograms } from '#test/support/programs.ts';

const DEMO = join(ROOT, 'resources', 'demo', 'hello-nrf51822');
/** nRF51 Reference Manual, 6.1: NVMC. */
const NVMC_CONFIG = 0x4001e504;
const WRITE_ENABLE = 1;
const HELLO = 'hello from hello-nrf51 1.0.0';
const folder = mkdtempSync(join(tmpdir(), 'flashline-cli-qemu-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A micro:bit started the way a person would, with QEMU's test socket for whoever has to harm it. */
interface MicroBit {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  uart(): string;
  /** Writes a word through the flash controller's model, past any debugger. */
  poke(address: number, value: number): Promise<void>;
}

let home = folder;
let count = 0;
let unit: MicroBit;
beforeEach(async () => {
  count += 1;
  home = join(folder, String(count));
  mkdirSync(home);
  unit = await startMicroBit(home);
});
afterEach(async () => {
  unit.process.kill('SIGKILL');
  await new Promise((resolve) =>
    (unit.process.exitCode ?? unit.process.signalCode) ? resolve(0) : unit.process.once('exit', resolve),
  );
});

async function startMicroBit(place: string): Promise<MicroBit> {
  const port = await freePort();
  const [uart, qtest] = [join(place, 'uart'), join(place, 'qtest')];
  const args = `-M microbit -display none -monitor none -S -gdb tcp:127.0.0.1:${port} -chardev file,id=s0,path=${uart} -serial chardev:s0 -qtest unix:${qtest},server=on,wait=off -accel tcg`;
  const child = spawn('qemu-system-arm', args.split(' '), { stdio: 'ignore' });
  await expect.poll(() => existsSync(qtest) && isListening(port), { timeout: 10_000, interval: 20 }).toBe(true);
  return {
    url: `gdb:tcp:127.0.0.1:${port}`,
    port,
    process: child,
    uart: () => (existsSync(uart) ? readFileSync(uart, 'latin1') : ''),
    poke: (address, value) => ask(qtest, `writel 0x${address.toString(16)} 0x${value.toString(16)}\n`),
  };
}

/** Without connecting: that alone would stop the machine. proc(5): `local_address` in hexadecimal, state 0A is LISTEN. */
function isListening(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((row) => row.trim().split(/ +/));
  return rows.some((row) => row[1]?.endsWith(local) && row[3] === '0A');
}

function ask(path: string, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path }, () => socket.write(line));
    socket.on('error', reject);
    let said = '';
    socket.on('data', (chunk) => {
      said += String(chunk);
      if (!said.includes('OK\n')) return;
      socket.destroy();
      resolve();
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** A product's release folder with one application image. */
function releaseWith(file: string, write: (path: string) => void, address?: number): string {
  const release = mkdtempSync(join(folder, 'release-'));
  write(join(release, file));
  const at = address === undefined ? '' : `, address: ${address}`;
  writeFileSync(
    join(release, 'recipe.yaml'),
    `schema: 1
product: { id: own, revision: A, name: Own board }
chip: nrf51822
interface: swd
images:
  - { role: application, file: ${file}, version: 2.0.0${at} }
serial: { pattern: '^HB[0-9]{6}$' }
`,
  );
  return release;
}

const objcopy = (...args: string[]) => execFileSync('arm-none-eabi-objcopy', args);
const FLAGS = '-mcpu=cortex-m0 -mthumb -Os -ffreestanding -nostdlib -nostartfiles -Wl,--build-id=none';

function compiled(path: string, product: string): void {
  const defines = [`-DPRODUCT="${product}"`, '-DVERSION="2.0.0"'];
  const sources = ['-T', join(DEMO, 'hello.ld'), '-o', path, join(DEMO, 'hello.c')];
  execFileSync('arm-none-eabi-gcc', [...FLAGS.split(' '), ...defines, ...sources]);
}

/** Long enough that programming takes a while. */
const longFirmware = (path: string): void => firmware(path, 250 * 1024);

/** The demo, followed by noise. */
function firmware(path: string, size: number): void {
  const bin = join(folder, 'demo.bin');
  objcopy('-I', 'ihex', '-O', 'binary', join(DEMO, 'hello.hex'), bin);
  const bytes = new Uint8Array(size);
  new Prng(51).scramble(bytes);
  bytes.set(readFileSync(bin));
  writeFileSync(path, bytes);
}

function flashArgs(release: string, serial: string, ...more: string[]): string[] {
  return ['flash', '--release', release, '--serial', serial, '--probe', unit.url, '--json', ...more];
}

/** GDB manual, "Packets": `m addr,length`, both in hexadecimal. */
function reads(request: string, address: number): boolean {
  const [, from, length] = /^m([0-9a-f]+),([0-9a-f]+)$/u.exec(request) ?? [];
  const offset = address - Number.parseInt(from ?? '', 16);
  return offset >= 0 && offset < Number.parseInt(length ?? '', 16);
}

const lastOf = (lines: readonly string[]) => {
  const event = RunEvent.parse(JSON.parse(lines.at(-1) ?? ''));
  if (event.type !== 'run.finished') throw new Error(`the last line is ${event.type}`);
  return event;
};

async function readBack(size: number): Promise<Uint8Array> {
  const out = join(home, 'read.bin');
  const args = [
    'read',
    '--chip',
    'nrf51822',
    '--probe',
    unit.url,
    '--address',
    '0',
    '--size',
    String(size),
    '--out',
    out,
  ];
  const end = await runCli(args, { home });
  if (end.code !== 0) throw new Error(end.stderr);
  return new Uint8Array(readFileSync(out));
}

async function speaks(text: string): Promise<void> {
  await expect.poll(() => unit.uart(), { timeout: 5000, interval: 20 }).toContain(text);
}

/** What a run tells on its way, whatever the unit held before. */
const MOMENTS = ['run.started', '"step":"survey"', '"step":"verify"', '"step":"start"', 'run.finished'];

describe.skipIf(!requirePrograms(['qemu-system-arm', 'arm-none-eabi-gcc', 'arm-none-eabi-objcopy']))(
  'flashline flash on a micro:bit that nobody here wrote',
  () => {
    it('passes with 0, through the wrapper, and the firmware speaks', async () => {
      const cli = startCli(flashArgs(DEMO, 'HB000001'), { home, through: 'wrapper' });
      const end = await cli.ended;
      expect(lastOf(end.lines)).toMatchObject({ verdict: 'PASS' });
      expect(end.code).toBe(0);
      await speaks(HELLO);
    });

    it.each([
      [
        'ELF built from source',
        'own.elf',
        (path: string) => compiled(path, 'own-elf'),
        undefined,
        'hello from own-elf 2.0.0',
      ],
      [
        'SREC',
        'own.srec',
        (path: string) => objcopy('-I', 'ihex', '-O', 'srec', join(DEMO, 'hello.hex'), path),
        undefined,
        HELLO,
      ],
      [
        'BIN',
        'own.bin',
        (path: string) => objcopy('-I', 'ihex', '-O', 'binary', join(DEMO, 'hello.hex'), path),
        0,
        HELLO,
      ],
      ['HEX', 'own.hex', (path: string) => copyFileSync(join(DEMO, 'hello.hex'), path), undefined, HELLO],
    ])('flashes an %s', async (_format, file, write, address, says) => {
      const release = releaseWith(file, write, address);
      const end = await runCli(flashArgs(release, 'HB000002'), { home });
      expect(lastOf(end.lines)).toMatchObject({ verdict: 'PASS' });
      await speaks(says);
    });

    it('flashes UICR bytes too', async () => {
      const uicr = ':020000041000EA\n:04108000AABBCCDD5E\n:00000001FF\n';
      const release = releaseWith('own.hex', (path) => {
        const hex = readFileSync(join(DEMO, 'hello.hex'), 'latin1')
          .split('\n')
          .filter((line) => !/^:......01/.test(line));
        writeFileSync(path, hex.join('\n').trimEnd() + '\n' + uicr);
      });
      const end = await runCli(flashArgs(release, 'HB000003'), { home });
      expect(lastOf(end.lines)).toMatchObject({ verdict: 'PASS' });
      const out = join(home, 'uicr.bin');
      const args = ['--chip', 'nrf51822', '--probe', unit.url, '--address', '0x10001080', '--size', '4', '--out', out];
      await runCli(['read', ...args], { home });
      expect([...readFileSync(out)]).toEqual([0xaa, 0xbb, 0xcc, 0xdd]);
    });

    it('fails with 1 and the address, when a bit flips before verification', async () => {
      const release = releaseWith('own.bin', (path) => firmware(path, 8 * 1024), 0);
      const wanted = readFileSync(join(release, 'own.bin'));
      // Four words of the first page; once they have gone by to be programmed, the next that reads them verifies them.
      const place = 0x200;
      const words = wanted.subarray(place, place + 16).toString('hex');
      const seen = { sent: false, flipped: 0 };
      const proxy = await gdbProxy(unit.port, async (request) => {
        if (request.startsWith('M') && request.includes(words)) seen.sent = true;
        if (!seen.sent || seen.flipped > 0 || !reads(request, place)) return;
        seen.flipped++;
        await unit.poke(NVMC_CONFIG, WRITE_ENABLE);
        await unit.poke(place, 0);
      });
      const args = ['flash', '--release', release, '--serial', 'HB000004', '--probe', proxy.url, '--json'];
      const end = await runCli(args, { home });
      await proxy.close();
      expect(seen).toEqual({ sent: true, flipped: 1 });
      const at = [0x200, 0x201, 0x202, 0x203].find((address) => wanted[address] !== 0) ?? 0;
      expect(lastOf(end.lines)).toMatchObject({ verdict: 'FAIL', code: 'verify-mismatch', blame: 'unit' });
      expect(lastOf(end.lines).record?.failure?.where.address).toBe(at);
      expect(end.code).toBe(1);
      expect((await readBack(8)).every((byte) => byte === 0xff)).toBe(true);
    });

    it('errs with 3, blame and remedy, when QEMU is stopped, and when it is gone', async () => {
      unit.process.kill('SIGSTOP');
      const stopped = await runCli(flashArgs(DEMO, 'HB000005'), { home });
      expect(lastOf(stopped.lines)).toMatchObject({ verdict: 'ERROR', code: 'probe-silent', blame: 'station' });
      expect(lastOf(stopped.lines).remedy).toBeTruthy();
      expect(stopped.code).toBe(3);
      unit.process.kill('SIGKILL');
      await sleep(50);
      const gone = await runCli(flashArgs(DEMO, 'HB000005'), { home });
      expect(lastOf(gone.lines)).toMatchObject({ verdict: 'ERROR', code: 'probe-not-found' });
      expect(gone.code).toBe(3);
    });

    it('kill -9 twenty times never gives a false PASS, loses no run, and leaves no half firmware that starts', async () => {
      const release = releaseWith('long.bin', longFirmware, 0);
      const wanted = readFileSync(join(release, 'long.bin'));
      const random = new Prng(1822);
      const begun: string[] = [];
      const said: string[] = [];
      const halves: string[] = [];
      for (let i = 0; i < 20; i++) {
        const cli = startCli(flashArgs(i % 2 === 0 ? release : DEMO, `HB${100_000 + i}`, '--rework'), { home });
        // Somewhere in a run, however fast the machine is: from one of its steps on, which every run has.
        await cli.waitFor(MOMENTS[random.next() % MOMENTS.length] ?? 'run.started');
        await sleep(random.next() % 60);
        cli.child.kill('SIGKILL');
        const { stdout } = await cli.ended;
        const run = /"run":"([0-9a-f]+)"/.exec(stdout)?.[1] ?? `none in ${stdout}`;
        begun.push(run);
        if (/"run.finished".*"verdict":"PASS"/.test(stdout)) said.push(run);
        const flash = await readBack(wanted.length);
        if (starts(flash) && !holds(flash, wanted) && !holds(flash, demoBytes())) halves.push(run);
      }
      expect(halves).toEqual([]);

      const log = await openLogOf(home);
      const records = new Map((await log.records({})).map((record): [string, UnitRecord] => [record.run, record]));
      expect(await log.openRuns()).toEqual([]);
      expect((await log.verify()).fault).toBeNull();
      await log.close();
      expect([...records.keys()].toSorted()).toEqual(begun.toSorted());
      const verdictOf = (run: string) => records.get(run)?.verdict;
      expect(said.filter((run) => verdictOf(run) !== 'PASS')).toEqual([]);
      const verdicts = begun.map(verdictOf);
      expect(verdicts.filter((verdict) => verdict !== 'PASS' && verdict !== 'INTERRUPTED')).toEqual([]);
      expect(verdicts.filter((verdict) => verdict === 'INTERRUPTED').length).toBeGreaterThan(5);

      const whole = await runCli(flashArgs(DEMO, 'HB999999', '--rework'), { home });
      expect(lastOf(whole.lines)).toMatchObject({ verdict: 'PASS' });
      await speaks(HELLO);
    }, 240_000);
  },
);

/** ARMv6-M, B1.5.5: nothing is executed without the Thumb bit, and no stack is kept outside of RAM (16 KiB here). */
function starts(flash: Uint8Array): boolean {
  const [stack, reset] = [readU32(flash, 0), readU32(flash, 4)];
  return stack > 0x2000_0000 && stack <= 0x2000_4000 && (reset & 1) === 1;
}

function demoBytes(): Uint8Array {
  return readFileSync(join(folder, 'demo.bin'));
}

function holds(flash: Uint8Array, wanted: Uint8Array): boolean {
  return wanted.every((byte, index) => flash[index] === byte);
}
