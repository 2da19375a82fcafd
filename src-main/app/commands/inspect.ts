import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { describeImage } from '../../image/describe-image.ts';
import { openImage } from '../../image/open-image.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { numberOf } from './numbers.ts';

export function inspectCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('inspect', 'shows an image: format, segments, digests', [
    'inspect hello.hex',
    'inspect firmware.bin --address 0x8000 --json',
  ])
    .argument('<file>', 'Intel HEX, Motorola S-record, ELF32 or .bin')
    .option('--address <address>', 'where a .bin goes')
    .action(async (file: string, options: CommonOptions & { address?: string }) => {
      const bytes = await readOrThrow(file);
      const address = options.address === undefined ? undefined : numberOf('--address', options.address);
      const description = describeImage(openImage(file, bytes, { address }));
      if (options.json) context.print(JSON.stringify({ type: 'image', file, ...description }));
      else {
        const { format, entry, size, sha256, segments } = description;
        context.print(`${file}: ${format}, ${size} bytes${entry === null ? '' : `, entry ${hexAddress(entry)}`}`);
        context.print(`  sha256 ${sha256}`);
        for (const segment of segments) {
          const last = segment.address + segment.size - 1;
          context.print(
            `  ${hexAddress(segment.address)} - ${hexAddress(last)}  ${String(segment.size).padStart(8)} bytes  ${segment.sha256}`,
          );
        }
      }
      end(0);
    });
}

async function readOrThrow(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new FlashlineError(missing ? 'file-missing' : 'file-unreadable', {
      where: { file },
      params: { file },
      cause,
    });
  }
}
