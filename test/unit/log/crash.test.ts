import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { processesOfThisMachine } from '#main/log/process-owner.ts';
import { openAt, temporaryFolder } from './fixtures.ts';

const PROCESS = join(import.meta.dirname, 'crash-process.ts');
let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'station.db');
});
afterEach(() => folder.remove());

interface Said {
  readonly begun: string[];
  readonly finished: string[];
}

/** Runs the process, with the log in a thread of it as in a station; kills it the hard way right after `killAfter` lines, if given. */
function work(name: string, count: number, killAfter = Number.POSITIVE_INFINITY): Promise<Said> {
  const child = spawn(process.execPath, [PROCESS, folder.path, name, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.split('\n').length > killAfter) child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    child.on('close', () => {
      const lines = text.split('\n');
      const said = (word: string) =>
        lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
      resolve({ begun: said('begun'), finished: said('finished') });
    });
  });
}

it('loses no run and no record to kill -9', async () => {
  const said: Said = { begun: [], finished: [] };
  for (const [round, killAfter] of [1, 2, 3, 7, 12].entries()) {
    const heard = await work(`w${round}`, 100_000, killAfter);
    said.begun.push(...heard.begun);
    said.finished.push(...heard.finished);
  }
  const log = openAt(file, processesOfThisMachine());
  const verdicts = new Map((await log.records({})).map(({ run, verdict }) => [run, verdict]));
  expect(said.begun.length).toBeGreaterThan(5);
  expect(said.begun.filter((run) => !verdicts.has(run))).toEqual([]);
  expect(said.finished.filter((run) => verdicts.get(run) !== 'PASS')).toEqual([]);
  expect(await log.openRuns()).toEqual([]);
  expect((await log.verify()).fault).toBeNull();
  await log.close();
}, 120_000);

it('keeps one chain when processes finish records at once', async () => {
  const all = await Promise.all(['a', 'b', 'c'].map((name) => work(name, 40)));
  expect(all.map(({ finished }) => finished.length)).toEqual([40, 40, 40]);
  const log = openAt(file, processesOfThisMachine());
  expect(await log.verify()).toEqual({ records: 120, fault: null });
  expect(await log.interruptedAtOpening()).toEqual([]);
  await log.close();
}, 120_000);
