import { FlashlineError } from '#shared/model/failure.ts';
import { Fault } from './faults.ts';
import { PROBES, type ProbeName } from './probe-profile.ts';

/** What `bench:<chip>?...` asks for. */
export interface BenchAddress {
  readonly chip: string;
  /** Which CMSIS-DAP probe, where it is one. */
  readonly probe: ProbeName;
  /** Another adapter in its place. */
  readonly adapter?: 'ftdi';
  readonly faults: readonly Fault[];
  /** What a serial port may be told, as it stands there. */
  readonly serial: Readonly<Record<string, string>>;
}

const FTDI = 'ftdi';
/** What `uart:` addresses may say too. */
const SERIAL_OPTIONS: ReadonlySet<string> = new Set(['baud', 'parity', 'entry']);

const EXPECTED =
  `bench:<chip>[?probe=${[...Object.keys(PROBES), FTDI].join('|')}]` +
  '[&baud=<rate>][&entry=<strategy>][&fault=<kind>[@<address>[.<bit>[=0|1]]][:<after>|:<time>ms|:<clock>hz]...], ' +
  'for example bench:nrf52840?fault=stuck-bit@0x1000.3';

const FAULT =
  /^(?<kind>[a-z-]+)(?:@(?<address>0x[0-9a-f]+|\d+)(?:\.(?<bit>\d+)(?:=(?<value>[01]))?)?)?(?::(?:(?<ms>\d+(?:\.\d+)?)ms|(?<aboveHz>\d+)hz|(?<after>\d+)(?:x(?<times>\d+))?))?$/i;

/**
 * Reads a bench address: `bench:nrf52840?fault=bit-rot@0x2000.5&fault=ack-wait:100x3&probe=hid`. `:N` is `after`,
 * `:NxM` is `after` N, M times, `:Nms` a virtual time, `:Nhz` the clock above which it happens. Throws `probe-address`.
 */
export function parseBenchUrl(url: string): BenchAddress {
  const match = /^bench:(?<chip>[a-z0-9-]+)(?:\?(?<query>.*))?$/.exec(url);
  const chip = match?.groups?.['chip'];
  if (chip === undefined) throw malformed(url);
  let probe: ProbeName = 'high-speed';
  let adapter: { readonly adapter?: 'ftdi' } = {};
  const faults: Fault[] = [];
  const serial: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(match?.groups?.['query'] ?? '')) {
    if (name === 'fault') faults.push(parseFault(url, value));
    else if (name === 'probe' && value === FTDI) adapter = { adapter: FTDI };
    else if (name === 'probe' && isProbeName(value)) probe = value;
    else if (SERIAL_OPTIONS.has(name)) serial[name] = value;
    else throw malformed(url, `${name}=${value}`);
  }
  return { chip, probe, ...adapter, faults, serial };
}

function parseFault(url: string, text: string): Fault {
  const groups = FAULT.exec(text)?.groups;
  if (!groups) throw malformed(url, `fault=${text}`);
  const given = Object.entries(groups)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, name === 'kind' ? value : Number(value)]);
  const fault = Fault.safeParse(Object.fromEntries(given));
  if (!fault.success)
    throw malformed(
      url,
      `fault=${text}: ${fault.error.issues.map((issue) => issue.path.join('.') || issue.message).join(', ')}`,
    );
  return fault.data;
}

function isProbeName(name: string): name is ProbeName {
  return Object.hasOwn(PROBES, name);
}

function malformed(url: string, part?: string): FlashlineError {
  return new FlashlineError('probe-address', {
    params: { url, expected: part === undefined ? EXPECTED : `${EXPECTED} (not understood: ${part})` },
  });
}
