import type { CoreRegister } from '../run-control.ts';
import { attribute, readDocument, withoutComments } from './xml.ts';

/** Where a register is: its number for `p`/`P`, its byte offset in `g`/`G`. All of a Cortex-M's are 32 bits. */
export interface RegisterPlace {
  readonly number: number;
  readonly offset: number;
}

export type RegisterLayout = ReadonlyMap<CoreRegister, RegisterPlace>;

const NAMES: readonly CoreRegister[] = [
  ...(['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'r11', 'r12', 'sp', 'lr', 'pc'] as const),
  'xpsr',
];
const KNOWN: ReadonlySet<string> = new Set(NAMES);

/** Documents of a description that makes sense; more is an endless one. */
const MAX_DOCUMENTS = 16;

/** The layout where the server describes none, told from the length of its `g`. */
export function layoutOfLength(size: number): RegisterLayout | undefined {
  // gdb's own layout for ARM: r0-r15, eight 12-byte FPA registers and their status, then the PSR as number 25.
  const psr = size === 168 ? 164 : 64;
  if (size < psr + 4) return undefined;
  return new Map(
    NAMES.map((name, index) => [
      name,
      name === 'xpsr' ? { number: 25, offset: psr } : { number: index, offset: index * 4 },
    ]),
  );
}

/**
 * Reads the target description (GDB manual, appendix G) and the documents it includes. Undefined where it describes
 * no Cortex-M core registers.
 */
export async function readRegisterLayout(
  ask: (request: string) => Promise<string>,
  packetSize: number,
): Promise<RegisterLayout | undefined> {
  const waiting = ['target.xml'];
  const registers: [name: string, number: number, bits: number][] = [];
  for (let read = 0; read < MAX_DOCUMENTS; read++) {
    const name = waiting.shift();
    if (name === undefined) break;
    const document = await readDocument('features', name, ask, packetSize);
    if (document === undefined) continue;
    // Includes stand where the included registers belong in the order of `g`.
    for (const [tag] of withoutComments(document).matchAll(/<(?:xi:include|reg)\b[^<>]*>/gu)) {
      const include = attribute(tag, 'href');
      if (tag.startsWith('<xi:include') && include !== undefined) waiting.push(include);
      if (!tag.startsWith('<reg')) continue;
      const number = attribute(tag, 'regnum');
      const next = (registers.at(-1)?.[1] ?? -1) + 1;
      registers.push([attribute(tag, 'name') ?? '', number === undefined ? next : Number(number), bitsOf(tag)]);
    }
  }
  const layout = layoutOf(registers);
  return NAMES.every((name) => layout.has(name)) ? layout : undefined;
}

/** `g` holds the registers in the order of their numbers. */
function layoutOf(registers: readonly (readonly [name: string, number: number, bits: number])[]): RegisterLayout {
  const places = new Map<CoreRegister, RegisterPlace>();
  let offset = 0;
  for (const [name, number, bits] of registers.toSorted((a, b) => a[1] - b[1])) {
    // An M-profile core behind a server that still says cpsr.
    const known = name === 'cpsr' ? 'xpsr' : name;
    if (isCoreRegister(known) && bits === 32 && !places.has(known)) places.set(known, { number, offset });
    offset += bits / 8;
  }
  return places;
}

function isCoreRegister(name: string): name is CoreRegister {
  return KNOWN.has(name);
}

function bitsOf(tag: string): number {
  const bits = Number(attribute(tag, 'bitsize'));
  return Number.isInteger(bits) && bits > 0 && bits <= 4096 ? bits : 32;
}
