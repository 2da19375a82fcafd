/**
 * The memory layout that a DfuSe device tells in the name of an alternate setting (UM0424, 10.3.2):
 * `@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg` - name, then pairs of start and groups of pages.
 */

/** A run of pages of one size. */
export interface LayoutGroup {
  readonly start: number;
  readonly pages: number;
  readonly pageBytes: number;
  readonly readable: boolean;
  readonly erasable: boolean;
  readonly writable: boolean;
}

export interface MemoryLayout {
  readonly name: string;
  readonly groups: readonly LayoutGroup[];
}

const UNITS: Readonly<Record<string, number>> = { ' ': 1, B: 1, K: 1024, M: 1024 * 1024 };
const GROUP = /^\s*(\d{1,5})\*(\d{1,4})([ BKM])([a-g])\s*$/u;
const START = /^\s*0x([0-9a-f]{1,8})\s*$/iu;
const ADDRESS_SPACE = 2 ** 32;

/** Undefined where the name is no layout: it does not begin with @, or says something that cannot be. */
export function parseLayout(name: string): MemoryLayout | undefined {
  if (!name.startsWith('@')) return undefined;
  const [title = '', ...rest] = name.slice(1).split('/');
  if (rest.length === 0 || rest.length % 2 !== 0) return undefined;
  const groups: LayoutGroup[] = [];
  for (let at = 0; at < rest.length; at += 2) {
    const start = START.exec(rest[at] ?? '')?.[1];
    const listed = start === undefined ? undefined : groupsFrom(Number.parseInt(start, 16), rest[at + 1] ?? '');
    if (!listed) return undefined;
    groups.push(...listed);
  }
  return { name: title.trim(), groups };
}

function groupsFrom(start: number, text: string): LayoutGroup[] | undefined {
  const groups: LayoutGroup[] = [];
  let next = start;
  for (const item of text.split(',')) {
    const [, count, size, unit = '', flags = ''] = GROUP.exec(item) ?? [];
    const [pages, pageBytes] = [Number(count), Number(size) * (UNITS[unit] ?? 0)];
    if (!(pages > 0 && pageBytes > 0) || next + pages * pageBytes > ADDRESS_SPACE) return undefined;
    // a is readable, b erasable, d writable: the letters count 1 to 7, a bit each.
    const bits = flags.charCodeAt(0) - 0x60;
    const can = { readable: (bits & 1) !== 0, erasable: (bits & 2) !== 0, writable: (bits & 4) !== 0 };
    groups.push({ start: next, pages, pageBytes, ...can });
    next += pages * pageBytes;
  }
  return groups;
}

/** Whether [address, address + size) is pages of just this size that can be read, erased and written. */
export function hasPages(layout: MemoryLayout, address: number, size: number, pageBytes: number): boolean {
  let at = address;
  while (at < address + size) {
    const group = layout.groups.find(({ start, pages, pageBytes: bytes }) => at >= start && at < start + pages * bytes);
    if (!group || group.pageBytes !== pageBytes || (at - group.start) % pageBytes !== 0) return false;
    if (!group.readable || !group.erasable || !group.writable) return false;
    at = group.start + group.pages * group.pageBytes;
  }
  return size > 0;
}
