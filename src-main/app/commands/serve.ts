import { join } from 'node:path';
import type { Command } from 'commander';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { runBrowserShell } from '../browser.ts';
import { composeHost } from '../compose-host.ts';
import { homeFolder, realRandom } from '../compose-home.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, releaseOption } from './command.ts';
import { failureLines } from './outcome.ts';
import { numberOf } from './numbers.ts';
import { watchOpening } from './watch-opening.ts';

interface ServeOptions extends CommonOptions {
  readonly port: string;
  readonly bench?: boolean;
  readonly release?: string;
  readonly probe: readonly string[];
  readonly open?: boolean;
  readonly keepDays?: string;
}

export function serveCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('serve', 'the station in a browser on this computer', [
    'serve',
    'serve --bench --port 8080',
    'serve --release plant:my-product --probe cmsis-dap:E6614103E7452A2F',
    'serve --release my-product --probe gdb:serial:/dev/serial/by-path/... --probe gdb:tcp:127.0.0.1:3333',
  ])
    .option('--port <port>', 'on 127.0.0.1; 0 takes any free one', '0')
    .option('--bench', 'the virtual bench: four simulated slots (also what happens where no probe is named or set)')
    .addOption(releaseOption())
    .option('--probe <url...>', 'one slot for each (default: the setting station.probes)', [])
    .option('--open', 'opens a window too, where there is a display')
    .option(
      '--keep-days <days>',
      'records older than this, that the plant has, go to archives (default: the setting log.keep)',
    )
    .action(async (options: ServeOptions) => {
      await serve(options, context);
      end(0);
    });
}

async function serve(options: ServeOptions, context: CliContext): Promise<void> {
  const home = homeFolder(context.env);
  const { resources, appVersion, env, signal } = context;
  const say = (line: string) => {
    if (options.json) context.print(JSON.stringify({ type: 'serve', line }));
    else context.print(line);
  };
  const watch = watchOpening(context);
  const open = async (opening: (told: LogOpening) => void) => {
    const host = await composeHost({
      resources,
      home,
      appVersion,
      bench: options.bench === true,
      release: options.release ?? null,
      probes: options.probe,
      ...(options.keepDays === undefined ? {} : { keepDays: numberOf('--keep-days', options.keepDays) }),
      signal,
      opening(told) {
        opening(told);
        watch.opening(told);
      },
      warn: (failure) => failureLines(failure, context.describeFailure(failure)).forEach((line) => context.say(line)),
    });
    const { mode, release } = host.station.state();
    if (release === null) say('No --release was named: this station has nothing to flash yet.');
    if (mode === 'bench') say('The virtual bench: every probe, board and time is simulated.');
    return host;
  };
  await runBrowserShell({
    open,
    port: numberOf('--port', options.port),
    openWindow: options.open === true,
    files: join(resources, '..', 'dist', 'renderer'),
    home,
    random: realRandom,
    env,
    platform: process.platform,
    say,
    signal,
  });
}
