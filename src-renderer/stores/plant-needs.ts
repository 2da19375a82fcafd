import type { PlantOrder, PlantPool, PlantRelease, PlantStation, Person } from '#shared/contract/plant/web-messages.ts';
import { mayCall, type PlantPage } from './plant-pages.ts';
import { SKEW_NOTE_MS } from './sync-words.ts';

/** Not heard from for this long, a station is switched off or cut off, in milliseconds. Stations report every minute or so. */
const SILENT_MS = 15 * 60_000;
/** The oldest record that waits at a station may be this old before somebody looks, in milliseconds. */
const OUTBOX_MS = 3_600_000;
/** With less of its lease left a station soon stops, in milliseconds. */
const LEASE_MS = 24 * 3_600_000;

export const STATION_NEEDS = ['lease_over', 'lease_ends', 'silent', 'outbox', 'clock', 'never'] as const;
export type StationNeed = (typeof STATION_NEEDS)[number];

/** Why a station needs a hand, the most urgent first; empty when it does not. `now` in milliseconds since 1970. */
export function stationNeeds(station: PlantStation, now: number): StationNeed[] {
  if (station.state === 'revoked') return [];
  if (station.state === 'invited') return ['never'];
  const age = (iso: string | null): number => (iso === null ? 0 : now - Date.parse(iso));
  const holds: Record<StationNeed, boolean> = {
    lease_over: age(station.leaseUntil) > 0,
    lease_ends: age(station.leaseUntil) <= 0 && age(station.leaseUntil) > -LEASE_MS && station.leaseUntil !== null,
    silent: age(station.lastSeenAt ?? station.enrolledAt) > SILENT_MS,
    outbox: age(station.oldestAt) > OUTBOX_MS,
    clock: Math.abs(station.skewMs ?? 0) > SKEW_NOTE_MS,
    never: false,
  };
  return STATION_NEEDS.filter((need) => holds[need]);
}

/** What needs a hand first, then by name; those shut out last. */
export function sortStations(stations: readonly PlantStation[], now: number): PlantStation[] {
  const rank = (station: PlantStation): number => {
    const [need] = stationNeeds(station, now);
    if (station.state === 'revoked') return STATION_NEEDS.length + 1;
    return need === undefined ? STATION_NEEDS.length : STATION_NEEDS.indexOf(need);
  };
  return stations.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

export type ReleaseStep = 'approve' | 'second-person' | 'publish' | 'none';

/** What comes next for a release, for this person. */
export function releaseStep(release: PlantRelease, person: Person): ReleaseStep {
  if (!mayCall(person.roles, 'release.approve')) return 'none';
  if (release.state === 'uploaded') return release.uploadedBy === person.name ? 'second-person' : 'approve';
  return release.state === 'approved' ? 'publish' : 'none';
}

export function isFulfilled({ state, passed, quantity }: PlantOrder): boolean {
  return state === 'open' && passed >= quantity;
}

/** Two more blocks, and the pool has nothing for the next station that asks. */
export function runsOut({ left, block }: PlantPool): boolean {
  return left < 2 * block;
}

export interface Todo {
  /** Under `todo` of the locale. */
  readonly key: 'stations' | 'findings' | 'approve' | 'publish' | 'orders' | 'pools';
  readonly count: number;
  readonly page: PlantPage['path'];
  /** Names, where they say more than a number. */
  readonly names: readonly string[];
}

export interface Known {
  readonly stations: readonly PlantStation[];
  readonly openFindings: number;
  readonly releases: readonly PlantRelease[];
  readonly orders: readonly PlantOrder[];
  readonly pools: readonly PlantPool[];
}

/** What waits for somebody in the plant, most urgent first: what the page says in the morning. */
export function todos(known: Known, person: Person, now: number): Todo[] {
  const stations = sortStations(known.stations, now).filter((station) => stationNeeds(station, now).length > 0);
  const step = (wanted: ReleaseStep): string[] =>
    known.releases
      .filter((release) => releaseStep(release, person) === wanted)
      .map(({ product, version }) => `${product} ${version}`);
  const named = (key: Todo['key'], page: Todo['page'], names: readonly string[]): Todo => ({
    key,
    page,
    names,
    count: names.length,
  });
  return [
    { key: 'findings', page: '/findings', names: [], count: known.openFindings } satisfies Todo,
    named(
      'stations',
      '/stations',
      stations.map(({ name }) => name),
    ),
    named('approve', '/releases', step('approve')),
    named('publish', '/releases', step('publish')),
    named(
      'orders',
      '/orders',
      known.orders.filter(isFulfilled).map(({ id }) => id),
    ),
    named(
      'pools',
      '/numbers',
      known.pools.filter(runsOut).map(({ id }) => id),
    ),
  ].filter(({ count }) => count > 0);
}
