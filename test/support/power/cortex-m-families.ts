import { fileURLToPath } from 'node:url';
import { debugChip } from '#shared/model/chip.ts';
import { createBench } from '#main/bench/bench.ts';
import type { Board } from '#main/bench/board.ts';
import { bootCortexM } from '#main/bench/boot/cortex-m-boot.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { FlashArray } from '#main/bench/flash-array.ts';
import { ADAPTER, SerialBenchLink } from '#main/bench/uart/serial-bench-link.ts';
import { stm32UartBench } from '#main/bench/uart/stm32-rom/stm32-uart-bench.ts';
import type { Link } from '#main/link/link.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { openFlashDevice } from '#main/programmer/open-flash-device.ts';
import { isProgrammer } from '#main/programmer/programmer.ts';
import { findFlashAlgorithm, type FlashAlgorithm } from '#main/programmer/ram-loader-algorithm.ts';
import { openStm32Uart } from '#main/programmer/stm32-uart/open-stm32-uart.ts';
import type { OpenFlash } from '#main/station/release-engine.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import { shippedChip } from '#test/bench/bench-run.ts';
import { Cells } from './cells.ts';
import { directUnit, type DirectLocks } from './direct-unit.ts';
import type { Family, WireWatch } from './family.ts';
import { nrfRelease, stm32Release } from './releases.ts';

type Spans = readonly (readonly [start: number, size: number])[];

/** A board of the bench with these cells, told of from now on. */
function boardWith(id: string, serial: string, cells: Cells, watch: WireWatch | undefined) {
  const bench = createBench({ startAt: 0, seed: 1 });
  const board = bench.boardFor(id, serial);
  for (const array of board.chip.arrays ?? []) {
    for (const span of cells.spans) if (array.holds(span.start)) array.restore(span.start, span.bytes);
    array.watch = watch && ((address, before, after) => watch.cells({ address, before, after }));
  }
  return { bench, board };
}

function cellsOf(board: Board, spans: Spans): Cells {
  const cells = Cells.filled(0xff, ...spans);
  for (const { start, bytes } of cells.spans) {
    const array = board.chip.arrays?.find((each: FlashArray) => each.holds(start));
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, array?.readWord(start + at) ?? 0, true);
  }
  return cells;
}

/** The link, its packets counted. */
function counted<T extends Link>(link: T, watch: WireWatch | undefined): T {
  const write = link.write.bind(link);
  link.write = (data, io) => {
    watch?.packet();
    return write(data, io);
  };
  return link;
}

const algorithms = new Map<string, Promise<FlashAlgorithm | undefined>>();

const openFlash: OpenFlash = async (unit, io) => {
  if (isProgrammer(unit)) return unit.openFlash(io);
  const { kind } = debugChip(unit.chip).controller;
  const folder = fileURLToPath(new URL('../../../resources/flash-algorithms', import.meta.url));
  const algorithm = algorithms.get(kind) ?? findFlashAlgorithm(folder, kind);
  algorithms.set(kind, algorithm);
  return openFlashDevice(unit, io, await algorithm);
};

const NRF_SPANS: Spans = [
  [0, 0x8000],
  [0x10001000, 0x1000],
];
const APPROTECT = 0x10001208;

const nrfLocks: DirectLocks['protection'] = {
  isLocked: (cells) => cells.read(APPROTECT, 1)[0] !== 0xff,
  lock: (cells) => cells.write(APPROTECT, Uint8Array.of(0)),
  unlock: (cells) => cells.spans.forEach(({ bytes }) => bytes.fill(0xff)),
};

export const NRF52840_SWD: Family = {
  name: 'nRF52840, SWD',
  release: nrfRelease,
  blank: () => Cells.filled(0xff, ...NRF_SPANS),
  wired(cells, watch, faults: Faults = [], serial = 'A') {
    const chip = shippedChip('nrf52840');
    const { bench, board } = boardWith(chip.id, serial, cells, watch);
    const { link, clock } = bench.connect(chip.id, serial, faults, { probe: 'high-speed' });
    return {
      connection: {
        clock,
        open: async (io) => openAdiTarget(await openCmsisDap(counted(link, watch), io), { chip, interface: 'swd' }, io),
      },
      openFlash,
      cells: () => cellsOf(board, NRF_SPANS),
    };
  },
  direct: ({ chip }, cells) => directUnit(chip, cells, { protection: nrfLocks }),
  boot: (cells) =>
    bootCortexM(
      { vectors: 0, flash: { start: 0, size: 0x100000 }, ram: [{ start: 0x20000000, size: 0x40000 }] },
      (address, size) => cells.read(address, size),
    ),
  lockStage: (cells) => (nrfLocks.isLocked(cells) ? 'locked' : 'open'),
};

const F4 = 0x08000000;
const F4_OPTIONS = 0x1fffc000;
const F4_SPANS: Spans = [
  [F4, 0x10000],
  [F4_OPTIONS, 0x10],
];
/** USER and RDP in one halfword, nWRP in another; as the factory leaves them (RM0090, 3.7.1). */
const FACTORY = Uint8Array.of(0xec, 0xaa, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

const f4Locks: DirectLocks['protection'] = {
  isLocked: (cells) => cells.read(F4_OPTIONS + 1, 1)[0] !== 0xaa,
  lock: (cells) => cells.write(F4_OPTIONS + 1, Uint8Array.of(0x55)),
  unlock: (cells) => {
    cells.spans[0]?.bytes.fill(0xff);
    cells.write(F4_OPTIONS, FACTORY);
  },
};

export const STM32F407_UART: Family = {
  name: 'STM32F407, UART',
  release: stm32Release,
  blank() {
    const cells = Cells.filled(0xff, ...F4_SPANS);
    cells.write(F4_OPTIONS, FACTORY);
    return cells;
  },
  wired(cells, watch, faults: Faults = [], serial = 'A') {
    const chip = shippedChip('stm32f407vg');
    const { bench, board } = boardWith(chip.id, serial, cells, watch);
    const plugged = stm32UartBench(bench).plugIn(chip, serial, { faults, strapped: false });
    const link = new SerialBenchLink({ ...plugged, url: 'bench', adapter: ADAPTER, pace: undefined });
    return {
      connection: {
        clock: plugged.clock,
        open: (io) =>
          openStm32Uart(
            {
              url: 'bench',
              chip: { ...chip, ...(chip.uart?.memories ? { memories: chip.uart.memories } : {}) },
              open: async (format, context) => {
                await link.setFormat(format, context);
                return counted(link, watch);
              },
            },
            io,
          ),
      },
      openFlash,
      cells: () => cellsOf(board, F4_SPANS),
    };
  },
  direct: ({ chip }, cells) => directUnit(chip, cells, { protection: f4Locks }),
  boot: (cells) =>
    bootCortexM(
      { vectors: F4, flash: { start: F4, size: 0x100000 }, ram: [{ start: 0x20000000, size: 0x20000 }] },
      (address, size) => cells.read(address, size),
    ),
  lockStage: (cells) => (f4Locks.isLocked(cells) ? 'locked' : 'open'),
};
