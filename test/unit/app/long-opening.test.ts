import { expect, it } from 'vitest';
import type { Clock } from '#shared/base/clock.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import type { CliContext } from '#main/app/commands/command.ts';
import { watchOpening } from '#main/app/commands/watch-opening.ts';
import { LongOpening } from '#main/app/long-opening.ts';

/** A second that is over when the test says so. */
function aSecond() {
  const asked: number[] = [];
  let pass = (): void => undefined;
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    asked.push(ms);
    return new Promise((resolve, reject) => {
      pass = resolve;
      signal?.addEventListener('abort', () => reject(new Error('over')), { once: true });
    });
  };
  const clock: Clock = { now: () => 0, monotonic: () => 0, sleep };
  return {
    clock,
    asked,
    pass: async () => {
      pass();
      await new Promise((resolve) => void setImmediate(resolve));
    },
  };
}

const at = (percent: number | null): LogOpening => ({ step: 'mend', percent });

it('says nothing of an opening within its first second, then what it does now, then all that it hears', async () => {
  const { clock, asked, pass } = aSecond();
  const told: LogOpening[] = [];
  const long = new LongOpening(clock, (opening) => told.push(opening));
  long.hear(at(1));
  long.hear(at(2));
  expect([told, asked]).toEqual([[], [1000]]);
  await pass();
  expect(told).toEqual([at(2)]);
  long.hear(at(3));
  expect(told).toEqual([at(2), at(3)]);
});

it('has nothing to say where nothing was told, or where it is over', async () => {
  const { clock, pass } = aSecond();
  const told: LogOpening[] = [];
  const long = new LongOpening(clock, (opening) => told.push(opening));
  await pass();
  expect(told).toEqual([]);
  const second = aSecond();
  const short = new LongOpening(second.clock, (opening) => told.push(opening));
  short.hear(at(1));
  short.end();
  await second.pass();
  expect(told).toEqual([]);
  long.end();
});

function said(json: boolean, openings: readonly LogOpening[]) {
  const [lines, words]: [string[], string[]] = [[], []];
  const { signal } = new AbortController();
  const context: Pick<CliContext, 'print' | 'say' | 'signal' | 'json'> = {
    print: (line) => lines.push(line),
    say: (line) => words.push(line),
    signal,
    json,
  };
  const { opening } = watchOpening(context);
  for (const each of openings) opening(each);
  return { lines, words };
}

it('is an event each with --json, and a sentence with every tenth without', () => {
  const openings = [{ step: 'wait', percent: null }, at(0), at(4), at(9), at(10), at(42), at(42)] as const;
  const events = said(true, openings);
  expect(events.words).toEqual([]);
  expect(events.lines.map((line): unknown => JSON.parse(line))).toEqual(
    openings.map((each) => ({ type: 'log.opening', ...each })),
  );
  const { lines, words } = said(false, openings);
  expect(lines).toEqual([]);
  expect(words).toEqual([
    'Another Flashline has the unit log of this station for itself; waiting for it ...',
    ...[0, 10, 42].map((percent) => expect.stringMatching(new RegExp(`damaged and is being mended .*: ${percent} %`))),
  ]);
});
