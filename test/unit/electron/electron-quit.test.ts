import { describe, expect, it } from 'vitest';
import { QuitGuard } from '#main/app/electron-quit.ts';
import type { QuitChoice, QuitParts } from '#main/app/electron-quit.ts';

function parts(busy: string[], choice: QuitChoice, changes: Partial<QuitParts> = {}) {
  const done: string[] = [];
  const end = Promise.withResolvers<void>();
  const guard = new QuitGuard({
    running: () => busy,
    ask: async (running) => {
      done.push(`ask ${running.join(',')}`);
      return choice;
    },
    abortAll: () => void done.push('abort'),
    idle: async () => {
      await end.promise;
      done.push('idle');
    },
    close: async () => void done.push('close'),
    ...changes,
  });
  return { guard, done, end };
}

describe('quitting', () => {
  it('closes the station at once when nothing runs', async () => {
    const { guard, done } = parts([], 'stay');
    expect(guard.passed).toBe(false);
    expect(await guard.request()).toBe(true);
    expect(done).toEqual(['close']);
    expect(guard.passed).toBe(true);
  });

  it('leaves everything as it is when the operator stays, and asks again the next time', async () => {
    const { guard, done } = parts(['1', '3'], 'stay');
    expect(await guard.request()).toBe(false);
    expect(await guard.request()).toBe(false);
    expect(done).toEqual(['ask 1,3', 'ask 1,3']);
    expect(guard.passed).toBe(false);
  });

  it('closes only after the last run has ended, whether waited for or aborted', async () => {
    for (const [choice, steps] of [
      ['when-done', ['ask 2', 'idle', 'close']],
      ['abort', ['ask 2', 'abort', 'idle', 'close']],
    ] as const) {
      const { guard, done, end } = parts(['2'], choice);
      const asked = guard.request();
      await new Promise((resolve) => setImmediate(resolve));
      expect(done).not.toContain('close');
      expect(guard.passed).toBe(false);
      end.resolve();
      expect(await asked).toBe(true);
      expect(done).toEqual(steps);
    }
  });

  it('asks once, however often it is pressed', async () => {
    const { guard, done, end } = parts(['1'], 'when-done');
    const all = Promise.all([guard.request(), guard.request(), guard.request()]);
    end.resolve();
    expect(await all).toEqual([true, true, true]);
    expect(done.filter((step) => step.startsWith('ask'))).toHaveLength(1);
  });

  it('does not let the app go when the station could not be closed', async () => {
    const { guard } = parts([], 'stay', { close: () => Promise.reject(new Error('disk full')) });
    await expect(guard.request()).rejects.toThrow('disk full');
    expect(guard.passed).toBe(false);
  });
});
