import { readU32 } from '#shared/base/bytes.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import { bootEsp } from '#main/bench/boot/esp-boot.ts';
import { EfuseCells } from '#main/bench/uart/esp/efuse/cells.ts';
import { EfuseController } from '#main/bench/uart/esp/efuse/controller.ts';
import { NorFlash } from '#main/bench/uart/esp/nor-flash.ts';
import { ESP_PARTS } from '#main/bench/uart/esp/parts.ts';
import { EspRegisters } from '#main/bench/uart/esp/registers.ts';
import { EfuseReader } from '#main/programmer/esp/efuse/reader.ts';
import type { Registers } from '#main/programmer/esp/efuse/registers.ts';
import { readRevision } from '#main/programmer/esp/efuse/revision.ts';
import { EspLockSteps } from '#main/programmer/esp/lock-steps.ts';
import { openEsp } from '#main/programmer/esp/open-esp.ts';
import type { LockSteps } from '#main/programmer/lock-steps.ts';
import { isProgrammer } from '#main/programmer/programmer.ts';
import { espChip, EspLine } from '#test/support/esp-unit.ts';
import { Cells } from './cells.ts';
import { directUnit } from './direct-unit.ts';
import type { Family } from './family.ts';
import { espRelease } from './releases.ts';
import { espKeyDigest } from './signing.ts';

const FLASH_SIZE = 0x32000;
/** The eFuses' blocks, far behind the flash: where the cells of block n stand in this test. */
const BLOCKS = 0x8000_0000;
const BLOCK = 0x100;
const CHIP = espChip('esp32');
const EFUSE = efuse();
const PART = ESP_PARTS['esp32'];
/** What the stub sets the bus to. */
const STUB_MHZ = 80;
/** Nobody asks for its id here. */
const NO_FLASH = new NorFlash(0x1000);

function efuse(): EspEfuse {
  if (CHIP.uart?.kind !== 'esp') throw new Error('no eFuses');
  return CHIP.uart.efuse;
}

/** As the bench's factory leaves them. */
function fresh(): Cells {
  const line = new EspLine('esp32');
  line.plug();
  return new Cells([
    { start: 0, bytes: new Uint8Array(FLASH_SIZE).fill(0xff) },
    ...line.unit.cells.raw.map((bytes, block) => ({ start: BLOCKS + block * BLOCK, bytes: bytes.slice() })),
  ]);
}

/** Cells of their own with what these hold. */
function efusesOf(cells: Cells): EfuseCells {
  const made = new EfuseCells(EFUSE);
  made.raw.forEach((bytes, block) => bytes.set(cells.read(BLOCKS + block * BLOCK, bytes.length)));
  return made;
}

function digestOf(efuses: EfuseCells): string {
  const [key] = EFUSE.keys;
  if (!key) return '';
  const block = efuses.look(key.block).data;
  return Buffer.from(block.subarray(key.bit / 8, (key.bit + key.size) / 8)).toString('hex');
}

function isOn(efuses: EfuseCells): boolean {
  return EFUSE.switches.secureBoot.every((name) => efuses.value(name) !== 0);
}

/** The real steps, on a controller that no line stands before. */
function steps(cells: Cells): LockSteps {
  const efuses = efusesOf(cells);
  efuses.watch = (block, at, _before, after) => cells.write(BLOCKS + block * BLOCK + at, after);
  const controller = new EfuseController(EFUSE, efuses, () => STUB_MHZ);
  if (!PART) throw new Error('no such part');
  const registers = new EspRegisters(PART, NO_FLASH, controller);
  // Each access when the one before it is long over.
  let now = 0;
  const later = () => (now += 1e9);
  const loader: Registers = {
    baud: 115_200,
    readRegister: (address) => Promise.resolve(registers.read(address, later())),
    // WRITE_REG: behind 8 bytes of header address, value and mask.
    ask: (op, frame) => {
      registers.write(readU32(frame, 8), readU32(frame, 12), readU32(frame, 16), later());
      return Promise.resolve({ op, value: 0, body: new Uint8Array(4) });
    },
  };
  return new EspLockSteps({
    chip: CHIP,
    efuse: EFUSE,
    loader,
    carefully: (work) => work(),
    revision: (io) => readRevision(EFUSE, new EfuseReader(loader, EFUSE), loader, io),
  });
}

/** One unit's 4 MiB for all runs, one after another. */
const LINE = new EspLine('esp32');

export const ESP32_UART: Family = {
  name: 'ESP32, UART',
  release: espRelease,
  blank: fresh,
  wired(cells, watch, faults = []) {
    const line = LINE;
    line.plug();
    const { flash, cells: efuses } = line.unit;
    flash.watch = efuses.watch = undefined;
    flash.bytes.set(cells.read(0, FLASH_SIZE));
    efuses.raw.forEach((bytes, block) => bytes.set(cells.read(BLOCKS + block * BLOCK, bytes.length)));
    // The ROM looks at its eFuses as its power comes up.
    const { link } = line.plug(faults);
    flash.watch = watch && ((address, before, after) => watch.cells({ address, before, after }));
    efuses.watch =
      watch && ((block, at, before, after) => watch.cells({ address: BLOCKS + block * BLOCK + at, before, after }));
    const write = link.write.bind(link);
    link.write = (data, io) => {
      watch?.packet();
      return write(data, io);
    };
    return {
      connection: { clock: line.unit.clock, open: (io) => openEsp(link, line.chip, io) },
      openFlash: (unit, io) => (isProgrammer(unit) ? unit.openFlash(io) : Promise.reject(new Error('no loader'))),
      cells() {
        flash.settle(Infinity);
        const spans = efuses.raw.map((bytes, block) => ({ start: BLOCKS + block * BLOCK, bytes: bytes.slice() }));
        return new Cells([{ start: 0, bytes: flash.bytes.slice(0, FLASH_SIZE) }, ...spans]);
      },
    };
  },
  direct: ({ chip }, cells) => directUnit(chip, cells, { steps }),
  boot(cells) {
    const efuses = efusesOf(cells);
    const fuses = { secureBoot: isOn(efuses), digests: [digestOf(efuses)] };
    return bootEsp({ chipId: PART?.chipId ?? 0, bootloader: PART?.bootloader ?? 0, fuses }, (address, size) =>
      cells.read(address, size),
    );
  },
  lockStage(cells) {
    const efuses = efusesOf(cells);
    if (isOn(efuses) && efuses.value('JTAG_DISABLE') !== 0 && digestOf(efuses) === espKeyDigest()) return 'locked';
    return [digestOf(efuses) === espKeyDigest(), efuses.value('WR_DIS'), efuses.value('JTAG_DISABLE')].join(' ');
  },
};
