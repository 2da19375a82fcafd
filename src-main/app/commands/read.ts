import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { hexAddress } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import type { Interface } from '#shared/model/recipe.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { writeBin } from '../../image/bin.ts';
import { writeIntelHex } from '../../image/ihex.ts';
import { isProgrammer } from '../../programmer/programmer.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption, wireOption } from './command.ts';
import { numberOf } from './numbers.ts';
import { chipFor, withUnit } from './with-unit.ts';

interface ReadOptions extends CommonOptions {
  readonly probe: string;
  readonly chip?: string;
  readonly interface?: Interface;
  readonly address: string;
  readonly size: string;
  readonly out: string;
}

export function readCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('read', "reads a unit's memory into a file; changes nothing", [
    'read --chip nrf51822 --probe gdb:tcp:127.0.0.1:3333 --address 0 --size 256k --out flash.bin',
    'read --probe bench:nrf52840 --address 0x10001000 --size 0x400 --out uicr.hex',
  ])
    .addOption(probeOption().makeOptionMandatory())
    .option('--chip <chip>', 'which chip to expect (flashline chips list)')
    .addOption(wireOption())
    .requiredOption('--address <address>', 'from here')
    .requiredOption('--size <size>', 'this many bytes (4096, 4k, 0x1000)')
    .requiredOption('--out <file>', 'a .hex or .bin file')
    .action(async (options: ReadOptions) => {
      await read(options, context);
      end(0);
    });
}

async function read(options: ReadOptions, context: CliContext): Promise<void> {
  const address = numberOf('--address', options.address);
  const size = numberOf('--size', options.size);
  if (size < 1 || address + size > 2 ** 32) throw usage('--address and --size lie outside of 32-bit memory');
  if (!/\.(hex|bin)$/iu.test(options.out)) throw usage('--out ends in .hex or .bin');
  const chip = await chipFor(options, context);
  const bytes = await withUnit(options, chip, context, async (unit, io) => {
    await unit.identify(io);
    if (!isProgrammer(unit)) return unit.memory.read(address, size, io);
    const device = await unit.openFlash(io);
    const bytes = await device.read(address, size, io);
    await device.finish(io);
    return bytes;
  });
  const segments = [{ address, data: bytes }];
  const content = /\.hex$/iu.test(options.out) ? writeIntelHex(segments) : writeBin(segments, 0xff);
  try {
    await writeFile(options.out, content);
  } catch (cause) {
    throw new FlashlineError('file-unreadable', { where: { file: options.out }, params: { file: options.out }, cause });
  }
  const sha256 = sha256Hex(bytes);
  if (options.json) context.print(JSON.stringify({ type: 'read', address, size, file: options.out, sha256 }));
  else context.print(`${size} bytes from ${hexAddress(address)} in ${options.out}, sha256 ${sha256}`);
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
