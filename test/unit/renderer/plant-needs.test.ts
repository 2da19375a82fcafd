import { describe, expect, it } from 'vitest';
import { releaseStep, sortStations, stationNeeds, todos, type Known } from '#renderer/stores/plant-needs.ts';
import { pagesFor, PLANT_PAGES } from '#renderer/stores/plant-pages.ts';
import type { Person, PlantRelease, PlantStation } from '#shared/contract/plant/web-messages.ts';

const NOW = Date.parse('2028-02-29T12:00:00Z');
const before = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();

function station(change: Partial<PlantStation> = {}): PlantStation {
  return {
    name: 'S1',
    state: 'enrolled',
    enrolledAt: before(9999),
    lastSeenAt: before(1),
    appVersion: '0.1.0',
    pending: 0,
    oldestAt: null,
    skewMs: 20,
    release: null,
    leaseUntil: before(-7 * 24 * 60),
    records: 1,
    ...change,
  };
}

function release(change: Partial<PlantRelease> = {}): PlantRelease {
  const never = { approvedBy: null, approvedAt: null, publishedAt: null, withdrawnBy: null, withdrawnAt: null };
  return {
    digest: 'a'.repeat(64),
    product: 'hello',
    revision: 'A',
    version: '1.0.0',
    state: 'uploaded',
    size: 1,
    sha256: 'b'.repeat(64),
    images: [],
    uploadedBy: 'mia',
    uploadedAt: before(10),
    ...never,
    reason: null,
    ...change,
  };
}

const mia: Person = { name: 'mia', roles: ['process-engineer'], products: [] };
const otto: Person = { name: 'otto', roles: ['quality'], products: [] };
const sue: Person = { name: 'sue', roles: ['supervisor'], products: [] };

describe('what a station needs', () => {
  it.each([
    ['nothing', {}, []],
    ['a look when it is silent', { lastSeenAt: before(16) }, ['silent']],
    ['a network when records wait', { pending: 3, oldestAt: before(61) }, ['outbox']],
    ['a network soon', { leaseUntil: before(-23 * 60) }, ['lease_ends']],
    ['a network now', { leaseUntil: before(1), lastSeenAt: before(99) }, ['lease_over', 'silent']],
    ['its clock set', { skewMs: -120_001 }, ['clock']],
    ['its code', { state: 'invited', lastSeenAt: null }, ['never']],
    ['nothing once shut out', { state: 'revoked', lastSeenAt: before(999) }, []],
  ] as const)('%s', (_, change, needs) => {
    expect(stationNeeds(station(change), NOW)).toEqual(needs);
  });

  it('puts the most urgent first and the shut out last', () => {
    const all = [
      station({ name: 'gone', state: 'revoked' }),
      station({ name: 'well' }),
      station({ name: 'silent', lastSeenAt: before(60) }),
      station({ name: 'stopped', leaseUntil: before(1) }),
    ];
    expect(sortStations(all, NOW).map(({ name }) => name)).toEqual(['stopped', 'silent', 'well', 'gone']);
  });
});

describe('what comes next', () => {
  it('for a release: a second person approves, then it is published; a supervisor only looks', () => {
    expect(releaseStep(release(), mia)).toBe('second-person');
    expect(releaseStep(release(), otto)).toBe('approve');
    expect(releaseStep(release({ state: 'approved' }), mia)).toBe('publish');
    expect(releaseStep(release({ state: 'withdrawn' }), otto)).toBe('none');
    expect(releaseStep(release(), sue)).toBe('none');
  });

  it('says nothing when nothing waits, and each thing once when something does', () => {
    const quiet: Known = { stations: [station()], openFindings: 0, releases: [], orders: [], pools: [] };
    expect(todos(quiet, otto, NOW)).toEqual([]);
    const busy = { ...quiet, stations: [station({ leaseUntil: before(1) })], openFindings: 2, releases: [release()] };
    expect(todos(busy, otto, NOW).map(({ key, count }) => [key, count])).toEqual([
      ['findings', 2],
      ['stations', 1],
      ['approve', 1],
    ]);
    expect(todos(busy, mia, NOW).map(({ key }) => key)).not.toContain('approve');
  });
});

describe('the navigation', () => {
  it('offers what the roles may use', () => {
    const names = (roles: Person['roles']) => pagesFor(roles).map(({ name }) => name);
    expect(names(['admin'])).toEqual(PLANT_PAGES.map(({ name }) => name));
    expect(names(['operator'])).toEqual(['trace', 'find', 'verify']);
    expect(names(['buyer'])).toEqual(['trace', 'find', 'verify']);
    expect(names(['supervisor'])).not.toContain('users');
    expect(names([])).toEqual(['verify']);
  });
});
