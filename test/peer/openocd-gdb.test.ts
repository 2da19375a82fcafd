import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseGdbUrl } from '#main/app/gdb-url.ts';
import { createBench } from '#main/bench/bench.ts';
import type { Board } from '#main/bench/board.ts';
import { Prng } from '#main/bench/prng.ts';
import { openStream } from '#main/link/address.ts';
import { createNvmcDirect } from '#main/programmer/nvmc-direct.ts';
import { createServerFlashDevice } from '#main/programmer/server-flash-device.ts';
import { openGdbTarget } from '#main/target/open-gdb.ts';
import type { Target } from '#main/target/target.ts';
import { OpenOcd } from '#test/support/openocd.ts';
import { chipDescription, memoryOf, realIo } from '#test/support/nrf51.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** Our gdb remote -> OpenOCD's gdb server -> its own SWD, bit by bit -> the bench's nRF52840. */
describe.skipIf(!requirePrograms(['openocd', 'socat']))("OpenOCD's gdb server", () => {
  const io = realIo();
  let board: Board;
  let ocd: OpenOcd;
  let openocd: ChildProcess;
  let url: string;

  beforeEach(async () => {
    board = createBench({ startAt: 0, seed: 9 }).boardFor('nrf52840', 'GDB1');
    ocd = await OpenOcd.on(board);
    const port = await freePort();
    openocd = startServer(ocd, port);
    await listening(openocd);
    url = `gdb:tcp:127.0.0.1:${port}`;
  });

  afterEach(async () => {
    const ended = once(openocd, 'exit');
    openocd.kill('SIGKILL');
    await ended;
    await ocd.close();
  });

  async function open(options = ''): Promise<Target> {
    const { stream, options: given } = parseGdbUrl(`${url}${options}`);
    return openGdbTarget(await openStream(stream, url, io), await chipDescription('nrf52840'), io, given);
  }

  it('identifies the unit, and tells a fault with its address', async () => {
    const target = await open();
    const { uid } = await target.identify(io);
    const words = [board.chip.read(0x1000_0064, 4, board.clock.elapsedNs), board.chip.read(0x1000_0060, 4, 0)];
    expect(uid).toBe(words.map(({ value }) => value.toString(16).padStart(8, '0')).join(''));
    await expect(target.memory.read(0x6000_0000, 4, io)).rejects.toMatchObject({
      failure: { code: 'target-fault', where: { address: 0x6000_0000 } },
    });
    await target.close(io);
  });

  it.each([
    ['by the controller’s registers', ''],
    ['by the server’s own flash driver', '?flash=server'],
  ])('erases, programs, reads back and starts %s', async (_, options) => {
    const target = await open(options);
    const flash = memoryOf(target.chip, 'flash');
    const server = options === '' ? undefined : await target.serverFlash?.(io);
    const device = server
      ? createServerFlashDevice(server, target.chip, target.memory)
      : createNvmcDirect(target.memory, target.chip.controller.base, (context) => target.core.reset('halt', context));
    expect(device.name).toBe(options === '' ? 'nvmc-direct' : 'server-flash');
    board.chip.preload(0x5000, 0);
    // Every byte value, so that what a packet must escape is in it.
    const image = Uint8Array.from({ length: 1024 }, (__, index) => index);
    new Prng(3).scramble(image.subarray(512));
    await device.erase(flash, 0x5000, flash.page, io);
    await device.program(flash, 0x5000, image, io);
    expect(await device.read(0x5000, image.length, io)).toEqual(image);
    expect(board.report().overwrittenWords).toEqual([]);
    await device.finish(io);
    await target.start(io);
    await target.close(io);
    expect(board.chip.peek(0x5000)).toBe(new DataView(image.buffer).getUint32(0, true));
  });
});

function startServer(ocd: OpenOcd, port: number): ChildProcess {
  const configuration = [
    `gdb_port ${port}`,
    // Else memory that faults reads as zeros.
    'gdb_report_data_abort enable',
    'tcl_port disabled',
    'telnet_port disabled',
    // Flash by the controller's registers, word for word: bit by bit over this probe a loader gains nothing.
    'set WORKAREASIZE 0',
    'source [find target/nrf52.cfg]',
    'init',
    'halt',
  ];
  return spawn('openocd', ocd.arguments(configuration), { stdio: ['ignore', 'ignore', 'pipe'] });
}

async function listening(openocd: ChildProcess): Promise<void> {
  let said = '';
  openocd.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await vi
    .waitUntil(() => /Listening on port \d+ for gdb connections/u.test(said), { timeout: 20_000 })
    .catch(() => {
      throw new Error(`OpenOCD does not listen: ${said}`);
    });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
