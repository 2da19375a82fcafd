import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import type { CliContext } from '#main/app/commands/command.ts';
import { runCli as runProgram } from '#main/app/commands/run-cli.ts';
import { failureTexts } from '#main/app/compose-home.ts';
import { ROOT } from '#test/support/cli.ts';

const RELEASE = join(ROOT, 'resources/demo/hello-nrf52840');
const BENCH = 'bench:nrf52840';
const home = mkdtempSync(join(tmpdir(), 'flashline-cli-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface End {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly lines: readonly string[];
}

async function runCli(args: readonly string[], options: { home: string; signal?: AbortSignal }): Promise<End> {
  const lines: string[] = [];
  const said: string[] = [];
  const resources = join(ROOT, 'resources');
  const context: CliContext = {
    print: (line) => lines.push(line),
    printed: () => Promise.resolve(true),
    say: (line) => said.push(line),
    terminal: null,
    env: { FLASHLINE_HOME: options.home },
    signal: options.signal ?? new AbortController().signal,
    resources,
    appVersion: '0.0.0-test',
    describeFailure: failureTexts(resources),
  };
  const code = await runProgram(args, context);
  return { code, lines, stdout: lines.join('\n'), stderr: said.join('\n') };
}

const Failed = z.object({ type: z.literal('failed'), code: z.string(), message: z.string(), remedy: z.string() });
const failureOf = (end: End) => Failed.parse(JSON.parse(end.lines.at(-1) ?? ''));

describe('what was typed wrong', () => {
  it.each([
    ['no command that exists', ['flesh']],
    ['an unknown option', ['flash', '--release', RELEASE, '--sreial', 'X']],
    ['a missing option', ['flash', '--serial', 'HB000001']],
    ['no serial', ['flash', '--release', RELEASE, '--probe', BENCH]],
    ['no probe', ['flash', '--release', RELEASE, '--serial', 'HB000001']],
    ['an unknown probe scheme', ['flash', '--release', RELEASE, '--serial', 'HB000001', '--probe', 'foo:bar']],
    ['a release that is not there', ['flash', '--release', 'nowhere', '--serial', 'HB000001', '--probe', BENCH]],
    ['a serial of another product', ['flash', '--release', RELEASE, '--serial', 'XX1', '--probe', BENCH]],
    ['a rework code with no unit refused', ['flash', '--release', RELEASE, '--serial', '*REWORK*', '--probe', BENCH]],
    ['a file that is no image', ['inspect', 'package.json']],
    ['a chip nobody knows', ['chips', 'show', 'z80']],
    ['no number', ['read', '--probe', BENCH, '--address', 'x', '--size', '4', '--out', 'a.bin']],
    ['a format that cannot be written', ['read', '--probe', BENCH, '--address', '0', '--size', '4', '--out', 'a.txt']],
    ['an excess argument', ['probes', 'all']],
    ['a port that is none', ['bench', 'serve', '--chip', 'nrf52840', '--as', 'udp:1']],
  ])('%s ends with 2, says why on stderr, and nothing on stdout', async (_what, args) => {
    const end = await runCli(args, { home });
    expect(end.stdout).toBe('');
    expect(end.stderr.trim()).not.toBe('');
    expect(end.stderr).not.toMatch(/\bat .*\.ts:\d+/);
    expect(end.code).toBe(2);
  });

  it('is told as one JSON object with --json', async () => {
    const end = await runCli(['flash', '--nonsense', '--json'], { home });
    expect(end.code).toBe(2);
    expect(failureOf(end).code).toBe('usage');
    const file = await runCli(['inspect', 'nowhere.hex', '--json'], { home });
    expect(file.code).toBe(2);
    expect(failureOf(file).code).toBe('file-missing');
  });
});

it('help has examples, for every command, and ends with 0', async () => {
  const paths = [
    [],
    ['flash'],
    ['read'],
    ['identify'],
    ['inspect'],
    ['probes'],
    ['serve'],
    ['log', 'show'],
    ['log', 'verify'],
    ['log', 'export'],
    ['log', 'yield'],
    ['chips', 'list'],
    ['chips', 'show'],
    ['bench', 'serve'],
  ];
  const ends = await Promise.all(paths.map((path) => runCli([...path, '--help'], { home })));
  for (const [index, end] of ends.entries()) {
    expect({ path: paths[index], code: end.code }).toEqual({ path: paths[index], code: 0 });
    expect(end.stdout).toContain('Examples:');
  }
});

it('says what is wrong with a log that cannot be opened, and ends with 3', async () => {
  const end = await runCli(['log', 'show', '--json'], { home: '/proc/nowhere' });
  expect(end.code).toBe(3);
  expect(failureOf(end).code).toBe('log-unwritable');
});

it('ends with 4 when it is stopped outside of a run', async () => {
  const signal = AbortSignal.abort(new FlashlineError('aborted'));
  const end = await runCli(['identify', '--probe', BENCH, '--json'], { home, signal });
  expect(end.code).toBe(4);
  expect(failureOf(end).code).toBe('aborted');
});
