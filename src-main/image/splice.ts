import type { Segment } from './image.ts';

/** The bytes of [address, address + size); undefined unless one segment has them all. */
export function bytesAt(segments: readonly Segment[], address: number, size: number): Uint8Array | undefined {
  const holder = segments.find((each) => address >= each.address && address + size <= each.address + each.data.length);
  return holder?.data.subarray(address - holder.address, address - holder.address + size);
}

/**
 * The segments with `patches` over them; what touches is one segment afterwards, and a gap of less than a word between a
 * segment's end and a patch is filled.
 */
export function spliced(segments: readonly Segment[], patches: Segment | readonly Segment[], fill: number): Segment[] {
  const all = 'data' in patches ? [patches] : patches;
  return all.reduce<Segment[]>((rest, patch) => splicedOne(rest, patch, fill), [...segments]);
}

function splicedOne(segments: readonly Segment[], patch: Segment, fill: number): Segment[] {
  const end = patch.address + patch.data.length;
  const near = segments.filter(({ address, data }) => address <= end && address + data.length > patch.address - 4);
  const others = segments.filter((segment) => !near.includes(segment));
  const from = Math.min(patch.address, ...near.map(({ address }) => address));
  const to = Math.max(end, ...near.map(({ address, data }) => address + data.length));
  const joined = new Uint8Array(to - from).fill(fill);
  for (const { address, data } of [...near, patch]) joined.set(data, address - from);
  return [...others, { address: from, data: joined }].toSorted((a, b) => a.address - b.address);
}
