import { i2cBoard, jtagBoard, spiBoard } from '../../bench/ftdi/boards.ts';
import { FtdiChip } from '../../bench/ftdi/ftdi-chip.ts';
import { I2cBench } from '../../bench/i2c/i2c-bench.ts';
import { SpiBench } from '../../bench/spi/spi-bench.ts';
import { usbFtdi } from '../../bench/usbip/ftdi.ts';
import { usbMcp2221 } from '../../bench/usbip/mcp2221.ts';
import type { UsbipDevice } from '../../bench/usbip/server.ts';
import { realClock } from '../compose-home.ts';
import { BENCH_SEED, benchOptions } from '../connect/bench-way.ts';
import { usage, type Wanted } from './offer.ts';

const realMs = () => realClock.monotonic();

/** A board's JTAG pins on an FT2232H. */
export function ftdiJtag({ bench, chip, serial }: Wanted): UsbipDevice[] {
  bench.boardFor(chip, serial);
  const plugIn = () => {
    const { board } = bench.plugIn(chip, serial);
    return { chip: new FtdiChip(jtagBoard(board)), clock: board.clock };
  };
  return [usbFtdi({ serial, plugIn, realMs })];
}

/** A NOR flash behind an FT2232H, its chip select at AD3. Its board gets its power from the adapter's USB port. */
export function ftdiSpi({ chip, serial, adapter = 'ftdi' }: Wanted): UsbipDevice[] {
  if (adapter !== 'ftdi') throw usage(`${chip} is offered by ftdi`);
  const bench = new SpiBench(benchOptions(null));
  bench.boardFor(chip, serial);
  const plugIn = () => {
    const { nor, clock } = bench.boardFor(chip, serial);
    nor.powerCycle(clock.elapsedNs);
    return { chip: new FtdiChip(spiBoard(nor)), clock };
  };
  return [usbFtdi({ serial, plugIn, realMs })];
}

/** A chip on an I2C bus, behind an FT2232H or an MCP2221A. */
export function i2cAdapters({ chip, serial, adapter = 'mcp2221' }: Wanted): UsbipDevice[] {
  const bench = new I2cBench({ startAt: () => realClock.now(), seed: BENCH_SEED });
  // Asked for now, so that a chip that the bench has not is said before anybody attaches it.
  bench.chipOf(chip, serial);
  const insert = () => bench.insert(chip, serial);
  if (adapter === 'mcp2221') return [usbMcp2221({ serial, plugIn: insert, realMs })];
  if (adapter !== 'ftdi') throw usage(`${chip} is offered by ftdi or mcp2221`);
  const plugIn = () => {
    const { wire, clock } = insert();
    return { chip: new FtdiChip(i2cBoard(wire)), clock };
  };
  return [usbFtdi({ serial, plugIn, realMs })];
}
