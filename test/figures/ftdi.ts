import type { IoContext } from '#shared/base/clock.ts';
import { createBench } from '#main/bench/bench.ts';
import { FaultPlan } from '#main/bench/fault-plan.ts';
import { i2cBoard, jtagBoard, spiBoard } from '#main/bench/ftdi/boards.ts';
import { FtdiBenchLink } from '#main/bench/ftdi/ftdi-bench-link.ts';
import { FtdiChip } from '#main/bench/ftdi/ftdi-chip.ts';
import type { MpsseBoard } from '#main/bench/ftdi/mpsse-board.ts';
import { I2cBench } from '#main/bench/i2c/i2c-bench.ts';
import { Mcp2221BenchLink } from '#main/bench/mcp2221/mcp2221-bench-link.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { type FtdiAdapter, openFtdi, openFtdiI2c, openFtdiSpi } from '#main/probe/ftdi/open-ftdi.ts';
import type { I2cPort } from '#main/probe/i2c-port.ts';
import { Mcp2221 } from '#main/probe/mcp2221/mcp2221.ts';
import { Adi } from '#main/target/adi.ts';
import { MemAp } from '#main/target/mem-ap.ts';

const KIB = 16;
const BYTES = KIB * 1024;
const RAM = 0x2000_0000;
const I2C_HZ = 400_000;
const SPI_HZ = 30_000_000;
const JTAG_HZ = 10_000_000;
/** A DPACC or APACC scan: 35 bits and the way through the states of the TAP, one bypassed TAP behind it. */
const SCAN_BITS = 42;

function ftdiOn(clock: VirtualClock, board: MpsseBoard): { readonly usb: FtdiBenchLink; readonly ftdi: FtdiAdapter } {
  const faults = new FaultPlan([], 0);
  const usb = new FtdiBenchLink({ url: 'bench', clock, chip: new FtdiChip(board), faults, cutPower: () => undefined });
  const description = { vendor: 'FTDI', product: 'Dual RS232-HS', serial: '', firmware: '' };
  return { usb, ftdi: { usb, model: 'FT2232H', channel: 'A', layout: 'generic', description } };
}

/** What MPSSE and MCP2221A adapters make of the wire, in modelled time, and what they take of USB. */
export async function measureFtdi(): Promise<object> {
  return { spi: await measureSpi(), i2c: await measureI2c(), jtagDp: await measureJtagDp() };
}

async function measureSpi(): Promise<object> {
  const clock = new VirtualClock(0);
  const io: IoContext = { clock, signal: new AbortController().signal };
  const nothing = () => undefined;
  const slave = { select: nothing, exchange: () => 0x5a, deselect: nothing, powerCycle: nothing, powerCut: nothing };
  const port = await openFtdiSpi(ftdiOn(clock, spiBoard(slave)).ftdi, io);
  const hz = await port.connect(SPI_HZ, io);
  const since = clock.monotonic();
  await port.transfer([{ write: Uint8Array.of(0x0b, 0, 0, 0, 0), read: BYTES }], io);
  const bytesPerSecond = (BYTES * 1000) / (clock.monotonic() - since);
  return { readBytesPerSecond: bytesPerSecond, ofWire: bytesPerSecond / (hz / 8) };
}

async function measureI2c(): Promise<object> {
  const bench = new I2cBench({ startAt: 0, seed: 1 });
  const read = async (
    unit: string,
    open: (fixture: ReturnType<I2cBench['insert']>, io: IoContext) => Promise<I2cPort>,
  ) => {
    const fixture = bench.insert('24lc256', unit);
    const { clock } = fixture;
    const io = { clock, signal: new AbortController().signal };
    const port = await open(fixture, io);
    const hz = await port.connect(I2C_HZ, io);
    const since = clock.monotonic();
    for (let done = 0; done < BYTES; done += port.limits.read) {
      await port.transfer(0x50, [{ write: Uint8Array.of(done >> 8, 0) }, { read: port.limits.read }], io);
    }
    const bytesPerSecond = (BYTES * 1000) / (clock.monotonic() - since);
    // Eight bits and an acknowledge.
    return { readBytesPerSecond: bytesPerSecond, ofWire: bytesPerSecond / (hz / 9) };
  };
  return {
    ftdi: await read('F', ({ clock, wire }, io) => openFtdiI2c(ftdiOn(clock, i2cBoard(wire)).ftdi, io)),
    mcp2221: await read('M', async (fixture) => new Mcp2221(new Mcp2221BenchLink(fixture, 'bench'), '')),
  };
}

async function measureJtagDp(): Promise<object> {
  const { board } = createBench({ startAt: 0, seed: 1 }).plugIn('stm32f407vg', 'A');
  const { clock } = board;
  const io: IoContext = { clock, signal: new AbortController().signal };
  const { usb, ftdi } = ftdiOn(clock, jtagBoard(board));
  const wire = { protocol: 'jtag', clockHz: JTAG_HZ, irLengths: [4, 5], tap: 0 } as const;
  const memory = await MemAp.open(await Adi.connect(await openFtdi(ftdi, io), wire, io), 0, io);
  const flow = async (work: () => Promise<unknown>) => {
    const before = { ...usb.packets };
    const since = clock.monotonic();
    await work();
    const bytesPerSecond = (BYTES * 1000) / (clock.monotonic() - since);
    const packets = usb.packets.out - before.out + usb.packets.in - before.in;
    return {
      bytesPerSecond,
      ofWire: bytesPerSecond / ((JTAG_HZ / SCAN_BITS) * 4),
      packetsPerKib: packets / KIB,
    };
  };
  const bytes = new Uint8Array(BYTES).fill(0x5a);
  return {
    write: await flow(() => memory.write(RAM, bytes, io)),
    read: await flow(() => memory.read(RAM, BYTES, io)),
  };
}
