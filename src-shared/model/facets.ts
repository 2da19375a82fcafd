import type { UnitRecord } from './unit-record.ts';

/** What a recall asks for, and what a unit is found by when its serial is not known. */
export const FACETS = ['image', 'key', 'release', 'mac', 'batch', 'order'] as const;
export type Facet = (typeof FACETS)[number];

/** `image:<sha256>`, `key:<reference>`, ...: one form for the station's log and for the plant's. */
export function facet(kind: Facet, value: string): string {
  return `${kind}:${value}`;
}

/**
 * All that a record is found by, without repetition. An image counts with the hash that was to be written: a run that
 * ended early may have put part of it into the unit. Only a PASS proves it.
 */
export function facetsOf(record: UnitRecord): string[] {
  return [
    ...new Set([
      ...record.images.map((image) => facet('image', image.sha256.expected)),
      ...record.signingKeys.map((key) => facet('key', key)),
      facet('release', record.release),
      ...(record.macs ?? []).map((mac) => facet('mac', mac)),
      ...(record.batch === undefined ? [] : [facet('batch', record.batch)]),
      ...(record.order === undefined ? [] : [facet('order', record.order)]),
    ]),
  ];
}
