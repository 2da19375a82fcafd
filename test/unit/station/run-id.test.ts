import * as fc from '#test/support/fast-check.ts';
import { expect, it } from 'vitest';
import { runId } from '#main/station/run-id.ts';

const clockAt = (ms: number) => ({ now: () => ms, monotonic: () => 0, sleep: () => Promise.resolve() });
const MS = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const RANDOM = fc.uint8Array({ minLength: 16, maxLength: 16 });

it('gives ids that stand in the order of their times, whatever is random in them', () => {
  fc.assert(
    fc.property(MS, MS, RANDOM, RANDOM, (a, b, x, y) => {
      const [one, other] = [runId(clockAt(a), () => x), runId(clockAt(b), () => y)];
      expect(a === b || one < other === a < b).toBe(true);
      // RFC 9562, 5.7: time, version 7, variant 0b10.
      expect(one).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
      expect(Number.parseInt(one.slice(0, 12), 16)).toBe(a);
    }),
  );
});

it('tells two runs of one millisecond apart by 74 random bits', () => {
  const kept = (bytes: Uint8Array) =>
    bytes
      .slice(6)
      .map((byte, at) => byte & (at === 0 ? 0x0f : at === 2 ? 0x3f : 0xff))
      .join(' ');
  const same = fc.tuple(RANDOM, fc.nat(15), fc.nat(255)).map(([x, at, to]) => [x, x.with(at, to)] as const);
  fc.assert(
    fc.property(MS, same, (ms, [x, y]) => {
      expect(runId(clockAt(ms), () => x) === runId(clockAt(ms), () => y)).toBe(kept(x) === kept(y));
    }),
  );
});
