import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DELAYING_SERPROG, USB_SERPROG } from '#main/bench/spi/serprog-device.ts';
import { serveSerprog, type SerprogServer } from '#main/bench/spi/serprog-server.ts';
import { type NorBoard, SpiBench } from '#main/bench/spi/spi-bench.ts';
import { openStream, parseStreamAddress } from '#main/link/address.ts';
import { openSerprog } from '#main/probe/serprog/serprog.ts';
import type { Programmer } from '#main/programmer/programmer.ts';
import { openSpiNor } from '#main/programmer/spi-nor/open-spi-nor.ts';
import { realClock } from '#main/app/real-clock.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { shippedChip } from '../bench/bench-run.ts';
import { runCli } from '#test/support/cli.ts';
import { noise, writeNorRelease } from '#test/support/nor-release.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** flashrom 1.3, whose serprog driver and chip tables nobody here wrote, against our simulated adapters and chips. */
const MIB = 0x100000;

let folder = '';
let server: SerprogServer | undefined;
let board: NorBoard;

async function serve(chip: string, profile = USB_SERPROG): Promise<string> {
  board = new SpiBench({ startAt: 0, seed: 1 }).boardFor(chip, 'A');
  // The chip's erases and programs go fifty times as fast as on a bench of real ones.
  server = await serveSerprog({ board, port: 0, profile, realMs: () => performance.now(), rate: 50 });
  return `spi:serprog:tcp:127.0.0.1:${server.port}`;
}

function flashrom(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const all = ['-p', `serprog:ip=127.0.0.1:${server?.port}`, ...args];
  return new Promise((resolve) => {
    execFile('flashrom', all, { timeout: 50_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, text: stdout + stderr }),
    );
  });
}

async function layout(start: number, size: number): Promise<string> {
  const file = join(folder, 'layout');
  const hex = (address: number) => address.toString(16).padStart(8, '0');
  await writeFile(file, `${hex(start)}:${hex(start + size - 1)} part\n`);
  return file;
}

async function flashromReads(start: number, size: number, ...more: readonly string[]): Promise<Buffer> {
  const file = join(folder, 'part.bin');
  const { code, text } = await flashrom('-l', await layout(start, size), '-i', 'part', '-r', file, ...more);
  if (code !== 0) throw new Error(text.replaceAll(/^.*incompatible.*\n/gmu, ''));
  return (await readFile(file)).subarray(start, start + size);
}

/** Through our own driver and programmer, over TCP. */
async function ours<T>(url: string, chip: string, work: (unit: Programmer, io: IoContext) => Promise<T>): Promise<T> {
  const io: IoContext = { clock: realClock, signal: new AbortController().signal };
  const address = parseStreamAddress(url.slice('spi:serprog:'.length));
  if (!address) throw new TypeError(url);
  const port = await openSerprog(await openStream(address, url, io), io);
  const unit = await openSpiNor(port, shippedChip(chip), io);
  try {
    return await work(unit, io);
  } finally {
    await unit.close(io);
  }
}

const flashline = (...args: readonly string[]) => runCli(args, { home: join(folder, 'home') });

describe.runIf(requirePrograms(['flashrom']))('flashrom and Flashline on the same simulated chips', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flashline-flashrom-'));
  });
  beforeEach(async () => {
    await server?.close();
  });
  afterAll(async () => {
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ['w25q128jv', /Found Winbond flash chip "W25Q128/u],
    ['gd25q64c', /Found GigaDevice flash chip "GD25Q64/u],
    ['mx25l25645g', /Found Macronix flash chip "MX25L256/u],
    ['n25q256a', /Found Micron(?:\/\S+)* flash chip "N25Q256/u],
    ['spi-nor', /Found Unknown flash chip "SFDP-capable chip" \(1024 kB, SPI\)/u],
  ])('knows %s, the last by what it says of itself', async (chip, found) => {
    const url = await serve(chip);
    expect((await flashrom()).text).toMatch(found);
    const identity = await ours(url, chip, (unit, io) => unit.identify(io));
    expect(identity).toMatchObject({ chip, locks: { 'block protection': 'none' } });
  });

  it('writes, verifies, reads and erases a chip that it knows by SFDP only, and Flashline reads the same', async () => {
    const url = await serve('spi-nor');
    const image = noise(MIB, 7);
    const [given, read] = [join(folder, 'given.bin'), join(folder, 'read.bin')];
    await writeFile(given, image);
    const written = await flashrom('-w', given);
    expect(written.text).toContain('VERIFIED');
    expect(board.nor.cells.peek(0, MIB)).toEqual(image);
    expect((await flashrom('-r', read)).code).toBe(0);
    expect(Buffer.compare(await readFile(read), image)).toBe(0);
    const found = await ours(url, 'spi-nor', async (unit, io) => (await unit.openFlash(io)).read(0, MIB, io));
    expect(Buffer.compare(found, image)).toBe(0);
    expect((await flashrom('-E')).text).toMatch(/Erasing[^]*done/u);
    expect(board.nor.cells.peek(0, MIB).every((byte) => byte === 0xff)).toBe(true);
  });

  it('waits through an adapter that can, as Flashline does', async () => {
    const url = await serve('spi-nor', DELAYING_SERPROG);
    const image = new Uint8Array(MIB).fill(0xff);
    image.set(noise(0x1000, 8), 0x3000);
    const file = join(folder, 'delayed.bin');
    await writeFile(file, image);
    // Of that sector alone: it waits between its looks at a chip that is busy.
    const { text } = await flashrom('-l', await layout(0x3000, 0x1000), '-i', 'part', '-N', '-w', file);
    expect(text).toContain('VERIFIED');
    expect(board.nor.cells.peek(0x3000, 0x1000)).toEqual(image.subarray(0x3000, 0x4000));
    const theirs = server?.counts.delays ?? 0;
    expect(theirs).toBeGreaterThan(0);
    await ours(url, 'spi-nor', async (unit, io) => {
      const device = await unit.openFlash(io);
      const [memory] = flashMemories(unit.chip);
      if (!memory) throw new TypeError('no flash');
      await device.erase(memory, 0x3000, 0x1000, io);
      await device.program(memory, 0x3000, noise(0x1000, 9), io);
      await device.finish(io);
    });
    expect(board.nor.cells.peek(0x3000, 0x1000)).toEqual(noise(0x1000, 9));
    expect(server?.counts.delays).toBeGreaterThan(theirs);
  });

  it.each(['mx25l25645g', 'n25q256a', 'spi-nor'])('reads from %s what Flashline put there', async (chip) => {
    const url = await serve(chip);
    // In the upper half of the large ones: addresses of four bytes.
    const start = chip === 'spi-nor' ? 0x20000 : 0x1120000;
    const bytes = noise(50_001, 5);
    await ours(url, chip, async (unit, io) => {
      const device = await unit.openFlash(io);
      const [memory] = flashMemories(unit.chip);
      if (!memory) throw new TypeError('no flash');
      await device.erase(memory, start, 0x10000, io);
      await device.program(memory, start, bytes, io);
      await device.finish(io);
    });
    // Two of flashrom's rows fit this id.
    const which = chip === 'n25q256a' ? ['-c', 'N25Q256..3E'] : [];
    const found = await flashromReads(start, 0x10000, ...which);
    expect(Buffer.compare(found.subarray(0, bytes.length), bytes)).toBe(0);
  });

  it('reads what a whole run left, writes over it, and the next run sets it right', async () => {
    const url = await serve('w25q128jv');
    const release = join(folder, 'over');
    const { bootloader, filesystem } = await writeNorRelease(release, { chip: 'w25q128jv', seed: 3 });
    const flash = ['flash', '--release', release, '--serial', 'NB000002', '--probe', url, '--rework', '--json'];
    const end = await flashline(...flash);
    expect(JSON.parse(end.lines.at(-1) ?? '')).toMatchObject({ type: 'run.finished', verdict: 'PASS' });
    expect((await flashromReads(0, 0x10000)).subarray(0, bootloader.length)).toEqual(Buffer.from(bootloader));
    const other = noise(0x10000, 9);
    const image = join(folder, 'over.bin');
    await writeFile(image, Buffer.concat([Buffer.alloc(0x20000, 0xff), other, Buffer.alloc(16 * MIB - 0x30000, 0xff)]));
    const { text } = await flashrom('-l', await layout(0x20000, 0x10000), '-i', 'part', '-w', image, '-N');
    expect(text).toContain('VERIFIED');
    expect(board.nor.cells.peek(0x20000, other.length)).toEqual(other);
    expect((await flashline(...flash)).code).toBe(0);
    expect(board.nor.cells.peek(0x20000, filesystem.length)).toEqual(filesystem);
  });

  it('sees block protection as Flashline does', async () => {
    const url = await serve('w25q128jv');
    board.nor.sr1 = 0x1c;
    expect((await flashrom('--wp-status')).text).toMatch(/start=0x00000000 length=0x01000000|hardware|0x1000000/u);
    const { locks } = await ours(url, 'w25q128jv', (unit, io) => unit.identify(io));
    expect(locks).toMatchObject({ 'block protection': '0x001C' });
  });

  it('reads a chip that Flashline has protected whole, and finds it open where Flashline has opened it', async () => {
    const url = await serve('w25q128jv');
    const protect = { op: 'lock', step: 'block-protection', name: 'blocks', expected: 'all blocks' } as const;
    const nothing = { bytes: (_: number, size: number) => new Uint8Array(size), copyTo: () => undefined };
    await ours(url, 'w25q128jv', async (unit, io) => {
      const step = unit.locks?.step(protect, nothing);
      await step?.carryOut(io);
      expect(await step?.observe(io)).toBe('all blocks');
    });
    expect((await flashrom('--wp-status')).text).toMatch(/start=0x00000000 length=0x01000000/u);
    await ours(url, 'w25q128jv', (unit, io) => unit.protection?.unlock(io) ?? Promise.reject(new TypeError()));
    expect((await flashrom('--wp-status')).text).toMatch(/start=0x00000000 length=0x00000000/u);
  });
});
