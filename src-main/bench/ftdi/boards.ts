import type { Board } from '../board.ts';
import type { I2cWire } from '../i2c/i2c-wire.ts';
import type { SpiSlave } from '../spi/spi-slave.ts';
import { AD, type MpsseBoard } from './mpsse-board.ts';

/** nTRST and nSRST as the `generic` layout has them: ACBUS0 and 1, pulled up. */
const TRST = 0x100;
const SRST = 0x200;

/** A board's JTAG pins. TDO changes as TCK falls (IEEE 1149.1, 4.5.1). */
export function jtagBoard({ line, chip }: Board): MpsseBoard {
  let clock = 0;
  let driven = 0;
  let tdo: 0 | 1 = 1;
  let resets = TRST | SRST;
  return {
    pins: (levels, outputs, at) => {
      const seen = (levels & outputs) | (~outputs & 0xffff);
      if ((seen ^ resets) & TRST) line.testReset((seen & TRST) === 0, at);
      if ((seen ^ resets) & SRST && chip.powered) chip.resetPin((seen & SRST) === 0, at);
      resets = seen;
      driven = levels & outputs;
      const rises = (driven & AD.clock) !== 0 && clock === 0;
      clock = driven & AD.clock;
      if (rises) {
        tdo = line.tdo;
        line.clock(driven & AD.select ? 1 : 0, at, driven & AD.out ? 1 : 0);
      } else if (clock === 0) tdo = line.tdo;
    },
    read: () => (driven & ~AD.in) | (tdo ? AD.in : 0),
  };
}

/** A chip on an SPI bus, its select at AD3. It is spoken to byte by byte: single clocks reach nobody. */
export function spiBoard(slave: SpiSlave): MpsseBoard {
  let selected = false;
  let driven = 0;
  return {
    pins: (levels, outputs, at) => {
      driven = levels & outputs;
      const now = (outputs & AD.select) !== 0 && (levels & AD.select) === 0;
      if (now && !selected) slave.select(at);
      if (!now && selected) slave.deselect(at);
      selected = now;
    },
    read: () => driven | AD.in,
    byte: (out, at, bitNs) => (selected ? slave.exchange(out, at + 8 * bitNs) : 0xff),
  };
}

/** SCL at AD0, SDA at AD1 and AD2 together. */
export function i2cBoard(wire: I2cWire): MpsseBoard {
  let driven = 0;
  return {
    pins: (levels, outputs, at) => {
      const seen = (levels & outputs) | ~outputs;
      wire.set((seen & AD.clock) !== 0, (seen & AD.out) !== 0, at);
      driven = levels & outputs;
    },
    read: () => (driven & ~(AD.clock | AD.out | AD.in)) | (wire.scl ? AD.clock : 0) | (wire.sda ? AD.out | AD.in : 0),
  };
}
