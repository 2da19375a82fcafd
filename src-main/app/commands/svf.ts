import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { playSvf } from '../../programmer/svf-player.ts';
import { bounded } from '../../station/bounded.ts';
import { realClock } from '../compose-home.ts';
import { jtagPinsOf } from '../connect/ways.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption } from './command.ts';
import { numberOf } from './numbers.ts';

interface SvfCommandOptions extends CommonOptions {
  readonly probe: string;
  readonly frequency: string;
  readonly serial: string;
}

const TEAR_DOWN_MS = 5000;
/** Of the file, read at a time. */
const PIECE = 65_536;

export function svfCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('svf', 'plays an SVF file on the JTAG pins of a probe: programs and verifies CPLDs and FPGAs', [
    'svf top.svf --probe cmsis-dap:0123456789',
    'svf top.svf --probe bench:cpld --frequency 4000000 --json',
  ])
    .argument('<file>', 'a Serial Vector Format file')
    .addOption(probeOption().makeOptionMandatory())
    .option('--frequency <hz>', 'TCK is never faster than this, whatever the file says', '1000000')
    .option('--serial <serial>', 'on the bench: which unit', '')
    .action(async (file: string, options: SvfCommandOptions) => {
      await svf(file, options, context);
      end(0);
    });
}

async function svf(file: string, options: SvfCommandOptions, context: CliContext): Promise<void> {
  const maxHz = numberOf('--frequency', options.frequency);
  if (maxHz < 1) throw new FlashlineError('usage', { params: { detail: '--frequency is at least 1 Hz' } });
  const total = await sizeOf(file);
  const { clock, open } = jtagPinsOf(options.probe, options.serial);
  const io: IoContext = { clock, signal: context.signal };
  const progress = teller(file, total, options.json === true, context);
  const from = clock.monotonic();
  const port = await open(io);
  try {
    const summary = await playSvf(piecesOf(file), port, { file, maxHz, progress }, io);
    const seconds = Number(((clock.monotonic() - from) / 1000).toFixed(3));
    const { statements, scans, compared } = summary;
    context.terminal?.rewrite('');
    if (options.json) {
      context.print(JSON.stringify({ type: 'svf.finished', verdict: 'PASS', file, ...summary, seconds }));
    } else {
      context.print(`PASS  ${file}: ${statements} statements, ${scans} scans, ${compared} compared, ${seconds} s`);
    }
  } finally {
    await bounded((closing) => port.close(closing), clock, realClock, TEAR_DOWN_MS);
  }
}

/** Says how far the file is played, once a percent. */
function teller(file: string, total: number, json: boolean, context: CliContext): (bytes: number) => void {
  let told = -1;
  return (done) => {
    const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
    if (percent === told) return;
    told = percent;
    if (json) context.print(JSON.stringify({ type: 'svf.progress', done, total }));
    else context.terminal?.rewrite(`${file}  ${percent} %`);
  };
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

async function* piecesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of createReadStream(file, { highWaterMark: PIECE })) yield piece as Uint8Array;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): FlashlineError {
  const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  return new FlashlineError(missing ? 'file-missing' : 'file-unreadable', { where: { file }, params: { file }, cause });
}
