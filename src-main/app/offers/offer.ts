import type { Bench, BenchOptions } from '../../bench/bench.ts';
import type { ProbeName } from '../../bench/probe-profile.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import type { Interface } from '#shared/model/recipe.ts';

/** Adapters beside CMSIS-DAP probes, as `--probe` names them. */
export const ADAPTERS = ['ftdi', 'mcp2221'] as const;
export type AdapterName = (typeof ADAPTERS)[number];

/** What is to be offered to other programs. */
export interface Wanted {
  readonly bench: Bench;
  /** What it was made with. */
  readonly options: BenchOptions;
  /** The id of a simulated chip; one that only debug probes reach may have no description. */
  readonly chip: string;
  readonly described: ChipDescription | undefined;
  readonly via: Interface;
  readonly serial: string;
  readonly probe: ProbeName;
  /** Another adapter in its place; left out: the interface's own. */
  readonly adapter?: AdapterName;
  /** As many devices, alike to the serial. */
  readonly count: string;
  /** Serial ports: so many times faster than real time passes what somebody waits for the unit. */
  readonly haste: number;
  /** Tells of something that happened meanwhile: an object for programs, a line for people. */
  readonly tell: (event: object, text: string) => void;
}

/** A simulated device that others can reach until it is closed. */
export interface Offer {
  /** Null where it is at no TCP port. */
  readonly port: number | null;
  /** How other programs reach it. */
  readonly url: string;
  readonly busids?: readonly string[];
  /** For people: what to do with it. */
  readonly hints: readonly string[];
  close(): Promise<void>;
}

/** Where `--as` wants it. */
export type Place =
  | { readonly as: 'tcp' | 'bitbang'; readonly port: number }
  | { readonly as: 'usbip'; readonly host: string; readonly port: number }
  | { readonly as: 'pty'; readonly link: string };
export type PlaceAs<K extends Place['as']> = Extract<Place, { as: K }>;

const FORMS = 'tcp:<port>, bitbang:<port>, usbip:<host>:<port> or pty:<link>';

/** Throws `usage`. */
export function placeOf(as: string): Place {
  const [, kind, port] = /^(tcp|bitbang):(\d{1,5})$/u.exec(as) ?? [];
  if ((kind === 'tcp' || kind === 'bitbang') && isPort(port)) return { as: kind, port: Number(port) };
  const [, host, usbipPort] = /^usbip:([^\s:]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/u.exec(as) ?? [];
  if (host !== undefined && isPort(usbipPort))
    return { as: 'usbip', host: host.replaceAll(/^\[|\]$/gu, ''), port: Number(usbipPort) };
  const [, link] = /^pty:(\S+)$/u.exec(as) ?? [];
  if (link !== undefined) return { as: 'pty', link };
  throw usage(`--as is ${FORMS}, for example usbip:127.0.0.1:3240, not ${as}`);
}

function isPort(digits: string | undefined): boolean {
  return digits !== undefined && Number(digits) <= 65_535;
}

export function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
