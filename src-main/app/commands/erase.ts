import type { Command } from 'commander';
import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Interface } from '#shared/model/recipe.ts';
import { mismatch } from '../../programmer/carry-out-checks.ts';
import type { FlashDevice } from '../../programmer/flash-device.ts';
import { openFlashOf } from '../compose-chips.ts';
import {
  chipSources,
  type CliContext,
  command,
  type CommonOptions,
  type ExitCode,
  probeOption,
  wireOption,
} from './command.ts';
import { numberOf } from './numbers.ts';
import { chipFor, withUnit } from './with-unit.ts';

interface EraseOptions extends CommonOptions {
  readonly probe: string;
  readonly chip?: string;
  readonly interface?: Interface;
  readonly address?: string;
  readonly size?: string;
  readonly yes?: boolean;
}

/** Whole pages of one memory. */
interface Range {
  readonly memory: FlashMemory;
  readonly address: number;
  readonly size: number;
}

/** Read at a time, to see that it is blank. */
const READ_PART = 0x10000;

export function eraseCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('erase', "erases a unit's memory, all of it or some pages, and reads that it is blank", [
    'erase --probe bench:nrf52840 --yes',
    'erase --chip nrf52840 --probe cmsis-dap:<serial> --address 0x10000 --size 64k --yes',
  ])
    .addOption(probeOption().makeOptionMandatory())
    .option('--chip <chip>', 'which chip to expect (flashline chips list)')
    .addOption(wireOption())
    .option('--address <address>', 'from this page on (default: everything)')
    .option('--size <size>', 'this many bytes, whole pages (4096, 4k, 0x1000)')
    .option('--yes', 'really: what is erased is lost')
    .action(async (options: EraseOptions) => {
      if (options.yes !== true) throw usage('erasing loses what the unit holds: add --yes to do it');
      await erase(options, context);
      end(0);
    });
}

async function erase(options: EraseOptions, context: CliContext): Promise<void> {
  const described = await chipFor(options, context);
  const erased = await withUnit(options, described, context, async (unit, io) => {
    await unit.identify(io);
    const ranges = rangesOf(unit.chip, options);
    const device = await openFlashOf(chipSources(context))(unit, io);
    try {
      for (const range of ranges) await eraseRange(device, range, context, io);
    } finally {
      await device.finish({ clock: io.clock, signal: new AbortController().signal });
    }
    return ranges;
  });
  context.terminal?.rewrite('');
  for (const { memory, address, size } of erased) {
    if (options.json) context.print(JSON.stringify({ type: 'erased', memory: memory.name, address, size }));
    else context.print(`${size} bytes of ${memory.name} from ${hexAddress(address)} are blank`);
  }
}

/** Throws `usage` for a range that is not whole pages of one memory. */
function rangesOf(chip: ChipDescription, { address, size }: EraseOptions): Range[] {
  if (address === undefined && size === undefined) {
    // Registers that lock or configure the chip are no part of "everything": an unlock erases those.
    const locks = new Set(chip.locks.map(({ memory }) => memory));
    return flashMemories(chip)
      .filter(({ name }) => !locks.has(name) || locks.size === flashMemories(chip).length)
      .map((memory) => ({ memory, address: memory.start, size: memory.size }));
  }
  if (address === undefined || size === undefined) throw usage('--address and --size go together');
  const from = numberOf('--address', address);
  const length = numberOf('--size', size);
  const memory = flashMemories(chip).find(
    ({ start, size: all }) => from >= start && length > 0 && from + length <= start + all,
  );
  if (!memory) throw usage(`no flash memory of ${chip.name} holds ${length} bytes from ${hexAddress(from)}`);
  if ((from - memory.start) % memory.page !== 0 || length % memory.page !== 0)
    throw usage(`${memory.name} is erased in pages of ${memory.page} bytes: --address and --size must be multiples`);
  return [{ memory, address: from, size: length }];
}

/** What is erased is also read: a page that keeps its bits is a bad unit. */
async function eraseRange(device: FlashDevice, range: Range, context: CliContext, io: IoContext): Promise<void> {
  const { memory, address, size } = range;
  const tell = (what: string) => (done: number) =>
    context.terminal?.rewrite(`${what} ${memory.name} ${Math.floor((100 * done) / size)} %`);
  await device.erase(memory, address, size, io, tell('erasing'));
  for (let at = 0; at < size; at += READ_PART) {
    const found = await device.read(address + at, Math.min(READ_PART, size - at), io);
    tell('reading')(at);
    const difference = mismatch(address + at, new Uint8Array(found.length).fill(memory.erased), found);
    if (difference) throw difference;
  }
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
