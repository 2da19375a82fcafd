import { expect, it } from 'vitest';
import type { LogOpening } from '#shared/model/log-opening.ts';
import type { Clock } from '#shared/base/clock.ts';
import type { OpenStep } from '#main/log/open-safely.ts';
import { openingProgress } from '#main/log/opening-progress.ts';

function heard(msPerStep: number) {
  const told: LogOpening[] = [];
  let [ms, ended] = [0, false];
  const clock: Clock = { now: () => ms, monotonic: () => ms, sleep: () => Promise.resolve() };
  const tell = (opening: LogOpening) => told.push(opening);
  const progress = openingProgress({ clock, tell, isEnded: () => ended });
  const go = (step: OpenStep, total: number) => {
    for (let done = 1; done <= total; done++) {
      ms += msPerStep;
      progress(step, done, total);
    }
  };
  return { told, progress, go, end: () => (ended = true), ms: () => ms };
}

it('tells of mending as one whole, from step to step, and never goes back', () => {
  const { told, go, progress } = heard(1000);
  for (const step of ['copy', 'read', 'place'] as const) go(step, 200);
  progress('settle', 0, 1);
  const percents = told.map(({ percent }) => percent ?? -1);
  expect(percents).toEqual([...new Set(percents)].toSorted((a, b) => a - b));
  expect(percents.length).toBeGreaterThan(90);
  expect(told.every(({ step }) => step === 'mend')).toBe(true);
  // What comes after the last of it is not done yet.
  expect([percents[0], percents.at(-1)]).toEqual([0, 94]);
});

it('tells no more than four times a second, but at once what it begins with', () => {
  const { told, go, progress, ms } = heard(1);
  progress('wait', 0, null);
  progress('wait', 0, null);
  go('check', 3000);
  go('read', 3000);
  expect(told[0]).toEqual({ step: 'wait', percent: null });
  expect(told.filter(({ step }) => step === 'wait')).toHaveLength(1);
  expect(told.length).toBeLessThan((ms() / 1000) * 4 + 3);
  expect(told.length).toBeGreaterThan((ms() / 1000) * 3);
  expect(told.findIndex(({ step }) => step === 'mend')).toBeGreaterThan(1);
});

it('says nothing wrong of a log without anything in it, and ends with the next step once it shall', () => {
  const { told, progress, end } = heard(1000);
  progress('copy', 0, 0);
  progress('read', 7, 3);
  expect(told).toEqual([{ step: 'mend', percent: 0 }]);
  end();
  expect(() => progress('place', 1, 2)).toThrow(/^log-opening-stopped/);
});
