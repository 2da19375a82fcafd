import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { IoContext } from '#shared/base/clock.ts';
import { flashMemories } from '#shared/model/chip.ts';
import { eraseMs } from '#main/plan/erase-cost.ts';
import { realClock } from '#main/app/real-clock.ts';
import { serveSerprog } from '#main/bench/spi/serprog-server.ts';
import { SERPROG_ADAPTERS, SpiBench } from '#main/bench/spi/spi-bench.ts';
import { openSocket } from '#main/link/socket.ts';
import { openSerprog } from '#main/probe/serprog/serprog.ts';
import { openSpiNor } from '#main/programmer/spi-nor/open-spi-nor.ts';
import { shippedChip } from '../bench/bench-run.ts';
import { filesystem, newSpiBench, runNor, W25Q128 } from '../bench/nor-run.ts';
import { surveyPages } from '#main/programmer/survey.ts';

const MIB = 0x100000;
const CHIP = shippedChip('spi-nor');

/**
 * A MiB written over other data and read back: round trips a KiB, counted at the device, against flashrom's on the same
 * simulated chip; and modelled time against the least that the chip and its wire need.
 */
export async function measureSpiNor(): Promise<object> {
  return { roundTripsPerKib: { flashline: await ours(), flashrom: await flashroms() }, modelled: await modelled() };
}

async function serve() {
  const board = new SpiBench({ startAt: 0, seed: 1 }).boardFor('spi-nor', 'A');
  board.nor.cells.preload(0, bytesOf(2));
  return serveSerprog({ board, port: 0, realMs: () => performance.now(), rate: 50 });
}

const bytesOf = (seed: number) => filesystem(MIB, seed).image.segments[0]?.data ?? new Uint8Array();

/** What TCP cuts into several pieces counts as several: this figure is never too good. */
async function ours(): Promise<number> {
  const server = await serve();
  const io: IoContext = { clock: realClock, signal: new AbortController().signal };
  const link = await openSocket({ host: '127.0.0.1', port: server.port }, 'spi:serprog:tcp', io);
  const unit = await openSpiNor(await openSerprog(link, io), CHIP, io);
  await unit.identify(io);
  const device = await unit.openFlash(io);
  const [memory] = flashMemories(CHIP);
  if (!memory) throw new TypeError('no flash');
  await surveyPages(device, memory, 0, MIB, io);
  await device.erase(memory, 0, MIB, io);
  await device.program(memory, 0, bytesOf(1), io);
  await device.read(0, MIB, io);
  await unit.close(io);
  await server.close();
  return server.counts.turns / 1024;
}

async function flashroms(): Promise<number> {
  const server = await serve();
  const folder = await mkdtemp(join(tmpdir(), 'flashline-figures-'));
  const file = join(folder, 'image.bin');
  await writeFile(file, bytesOf(1));
  await promisify(execFile)('flashrom', ['-p', `serprog:ip=127.0.0.1:${server.port}`, '-w', file]);
  await server.close();
  await rm(folder, { recursive: true, force: true });
  return server.counts.turns / 1024;
}

async function modelled(): Promise<object> {
  const figures: Record<string, object> = {};
  const [memory] = flashMemories(W25Q128);
  if (!memory) throw new TypeError('no flash');
  for (const name of ['usb', 'usbDelaying', 'tcp'] as const) {
    const bench = newSpiBench();
    bench.boardFor('w25q128jv', 'A').nor.cells.preload(0, bytesOf(2));
    const { ms, turns } = await runNor(bench, 'A', [filesystem(MIB, 1)], { adapter: SERPROG_ADAPTERS[name] });
    const { profile, wire } = SERPROG_ADAPTERS[name];
    const readBackMs = Math.max((MIB * 8000) / profile.mostHz, (MIB * 1000) / wire.bytesPerSecond);
    const limitMs = eraseMs(memory, 0, MIB) + ((MIB / memory.word) * memory.wordUs) / 1000 + readBackMs;
    figures[name] = { totalMs: ms.total, limitMs, totalToLimit: ms.total / limitMs, roundTripsPerKib: turns / 1024 };
  }
  return figures;
}
