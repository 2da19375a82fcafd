import { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import { createBench } from '../../bench/bench.ts';
import { type GdbServer, serveGdb } from '../../bench/gdb-server.ts';
import { BENCH_SEED } from '../compose-connector.ts';
import { realClock } from '../compose-home.ts';
import { untilAborted } from '../until-aborted.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';

interface ServeOptions extends CommonOptions {
  readonly chip: string;
  readonly as: string;
  readonly serial: string;
}

export function benchCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const serve = command('serve', 'offers a simulated device to other programs, until it is stopped', [
    'bench serve --chip nrf52840 --as tcp:3333',
  ])
    .requiredOption('--chip <chip>', 'which chip to simulate')
    .requiredOption('--as <what>', 'tcp:<port>: a gdb server on 127.0.0.1; port 0 takes any free one')
    .option('--serial <serial>', 'the simulated unit; decides its hardware id', 'BENCH')
    .action(async (options: ServeOptions) => {
      await benchServe(options, context);
      end(0);
    });
  return withExamples(new Command('bench'), ['bench serve --chip nrf52840 --as tcp:3333'])
    .description('the virtual bench')
    .addCommand(serve);
}

async function benchServe(options: ServeOptions, context: CliContext): Promise<void> {
  const { chip, serial } = options;
  const port = portOf(options.as);
  const bench = createBench({ startAt: () => realClock.now(), seed: BENCH_SEED });
  const board = bench.boardFor(chip, serial);
  const server = await listen(() => serveGdb({ board, port }), port);
  const url = `gdb:tcp:127.0.0.1:${server.port}`;
  if (options.json) context.print(JSON.stringify({ type: 'bench.serving', chip, url, port: server.port }));
  else {
    context.print(`A simulated ${chip} is at ${url}`);
    context.print(`  gdb-multiarch -ex 'target remote 127.0.0.1:${server.port}'`);
    context.print('Ctrl+C stops it.');
  }
  await untilAborted(context.signal);
  await server.close();
}

function portOf(as: string): number {
  const [, digits] = /^tcp:(\d{1,5})$/u.exec(as) ?? [];
  const port = Number(digits);
  if (port >= 0 && port <= 65_535) return port;
  throw new FlashlineError('usage', {
    params: { detail: `--as is tcp:<port> in this version, for example tcp:3333, not ${as}` },
  });
}

async function listen(open: () => Promise<GdbServer>, port: number): Promise<GdbServer> {
  try {
    return await open();
  } catch (cause) {
    throw new FlashlineError('usage', { params: { detail: `port ${port} cannot be had; choose another` }, cause });
  }
}
