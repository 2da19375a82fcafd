import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';

/** One part of a pack, with all that it inherits from its family and sub-family. Addresses and sizes in bytes. */
export interface PackDevice {
  readonly name: string;
  readonly vendor: string;
  /** As the pack writes it: `Cortex-M0+`. */
  readonly core: string;
  readonly memories: readonly PackMemory[];
  readonly algorithms: readonly PackAlgorithm[];
  /** The access port of the (first) core. */
  readonly ap: number;
  /** SWD clock that the pack advises. */
  readonly clockHz?: number;
}

export interface PackMemory {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  readonly writable: boolean;
  readonly startup: boolean;
  readonly byDefault: boolean;
}

export interface PackAlgorithm {
  /** Path in the pack. */
  readonly file: string;
  readonly start: number;
  readonly size: number;
  readonly ram?: { readonly start: number; readonly size: number };
  readonly byDefault: boolean;
}

export interface Pack {
  readonly vendor: string;
  readonly name: string;
  readonly version: string;
  readonly devices: readonly PackDevice[];
}

const Flag = z
  .enum(['0', '1', 'true', 'false'])
  .default('0')
  .transform((value) => value === '1' || value === 'true');
const Integer = z
  .string()
  .regex(/^(?:0x[0-9a-f]+|\d+)$/iu)
  .transform(Number)
  .pipe(z.number().max(2 ** 32));

const Memory = z.object({
  id: z.string().optional(),
  name: z.string().optional(),
  start: Integer,
  size: Integer,
  access: z.string().optional(),
  startup: Flag,
  default: Flag,
});
const Algorithm = z.object({
  name: z.string(),
  start: Integer,
  size: Integer,
  RAMstart: Integer.optional(),
  RAMsize: Integer.optional(),
  default: Flag,
  style: z.string().optional(),
});
const Processor = z.object({ Dcore: z.string().optional() });
const Debug = z.object({ ['__ap']: Integer.optional() }).transform((debug) => debug['__ap']);
const DebugConfig = z.object({ clock: Integer.optional() });

/** What stands on every level: family, sub-family, device, variant. */
interface Level {
  readonly processor?: unknown;
  readonly memory?: unknown;
  readonly algorithm?: unknown;
  readonly debug?: unknown;
  readonly debugconfig?: unknown;
  readonly [name: string]: unknown;
}

const LISTS = new Set([
  'family',
  'subFamily',
  'device',
  'variant',
  'memory',
  'algorithm',
  'processor',
  'debug',
  'debugconfig',
  'release',
]);

/** Reads a pack's description (Open-CMSIS-Pack specification, "/package/devices"). Throws `pack-invalid`. */
export function readPdsc(file: string, text: string): Pack {
  const document = parse(file, text);
  const pack = recordOf(document['package']);
  const releases = listOf(recordOf(pack['releases'])['release']);
  const devices = listOf(recordOf(pack['devices'])['family']).flatMap((family) => {
    const vendor = textOf(family['Dvendor']).split(':')[0] ?? '';
    return devicesBelow(file, family, { vendor, core: '', memories: [], algorithms: [], ap: 0 }, '');
  });
  if (devices.length === 0) throw invalid(file, 'it describes no devices');
  return {
    vendor: textOf(pack['vendor']),
    name: textOf(pack['name']),
    version: textOf(recordOf(releases[0])['version']),
    devices,
  };
}

type Inherited = Omit<PackDevice, 'name'>;

function devicesBelow(file: string, level: Level, above: Inherited, name: string): PackDevice[] {
  const here = inherit(file, level, above);
  const ownName = textOf(level['Dvariant']) || textOf(level['Dname']) || name;
  const below = ['subFamily', 'device', 'variant'].flatMap((kind) => listOf(level[kind]));
  // A device with variants is each of them; the device's own name is not for sale.
  if (below.length > 0) return below.flatMap((child) => devicesBelow(file, child, here, ownName));
  return ownName === '' ? [] : [{ name: ownName, ...here }];
}

function inherit(file: string, level: Level, above: Inherited): Inherited {
  const core = listOf(level.processor).map((one) => check(file, Processor, one).Dcore)[0];
  const ap = listOf(level.debug).map((one) => check(file, Debug, one))[0];
  const clockHz = listOf(level.debugconfig).map((one) => check(file, DebugConfig, one).clock)[0] ?? above.clockHz;
  const memories = listOf(level.memory).map((one) => memoryOf(check(file, Memory, one)));
  const algorithms = listOf(level.algorithm)
    .map((one) => check(file, Algorithm, one))
    .filter(({ style }) => style === undefined || style === 'Keil')
    .map(algorithmOf);
  return {
    vendor: above.vendor,
    core: core ?? above.core,
    // The same name below replaces the one above.
    memories: [...above.memories.filter((old) => !memories.some((one) => one.name === old.name)), ...memories],
    algorithms: [...above.algorithms, ...algorithms],
    ap: ap ?? above.ap,
    ...(clockHz === undefined ? {} : { clockHz }),
  };
}

/** Old packs say what a memory is by its id alone: IROM1, IRAM2. */
function memoryOf({ id, name, start, size, access, startup, default: byDefault }: z.infer<typeof Memory>): PackMemory {
  const label = name ?? id ?? '';
  const writable = access === undefined ? /RAM/iu.test(label) : access.includes('w');
  return { name: label, start, size, writable, startup, byDefault };
}

function algorithmOf(one: z.infer<typeof Algorithm>): PackAlgorithm {
  const { name, start, size, RAMstart, RAMsize, default: byDefault } = one;
  const ram = RAMstart !== undefined && RAMsize !== undefined ? { ram: { start: RAMstart, size: RAMsize } } : {};
  return { file: name.replaceAll('\\', '/'), start, size, byDefault, ...ram };
}

function parse(file: string, text: string): Record<string, unknown> {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '',
    parseAttributeValue: false,
    parseTagValue: false,
    isArray: (name) => LISTS.has(name),
  });
  try {
    return recordOf(parser.parse(text, true));
  } catch (error) {
    throw invalid(file, error instanceof Error ? error.message : 'it is no XML', error);
  }
}

function check<T>(file: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(file, `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''} in ${JSON.stringify(value)}`.trim());
}

function recordOf(value: unknown): Level {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Level) : {};
}

function listOf(value: unknown): Level[] {
  return Array.isArray(value) ? value.map(recordOf) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function invalid(file: string, detail: string, cause?: unknown): FlashlineError {
  return new FlashlineError('pack-invalid', { where: { file }, params: { file, detail }, cause });
}
