import { FlashlineError } from '#shared/model/failure.ts';

/** Which USB device of a kind is meant: by its serial, or by the port that it is plugged into, which is a place and stays. */
export type UsbPlace =
  | { readonly by: 'serial'; readonly serial: string }
  | { readonly by: 'port'; readonly portPath: string };

export interface UsbPlaceUrl {
  readonly place: UsbPlace;
  readonly options: ReadonlyMap<string, string>;
}

/** The bus, then the port of each hub on the way: 1-2.3. */
export const PORT_PATH = /^[^\s@?-]+-\d+(?:\.\d+)*$/u;

/** Reads `<serial>` or `@<usb port>`, and `?name=value&...` behind it; undefined for what is neither, or says a name twice. */
export function parseUsbPlace(text: string): UsbPlaceUrl | undefined {
  const [, where, query = ''] = /^([^?\s]+)(?:\?(.*))?$/su.exec(text) ?? [];
  const name = where === undefined ? undefined : decoded(where);
  if (name === undefined) return undefined;
  const given = [...new URLSearchParams(query)];
  const options = new Map(given);
  if (options.size !== given.length) return undefined;
  if (!name.startsWith('@')) return { place: { by: 'serial', serial: name }, options };
  const portPath = name.slice(1);
  return PORT_PATH.test(portPath) ? { place: { by: 'port', portPath }, options } : undefined;
}

/** A bus as Linux numbers it: a serial number is hardly ever read as one. */
const NUMBERED_PORT = /^\d+-\d+(?:\.\d+)*$/u;

/**
 * Reads `<usb port>`, with or without @, or `<serial>`: for boards that stand on USB by themselves, whose place counts more than a
 * serial that their boot loader may share with others. Undefined for what is neither.
 */
export function parseUnitPlace(text: string): UsbPlace | undefined {
  const [, where = ''] = /^@?([^\s?@/:]+)$/u.exec(text) ?? [];
  const name = decoded(where);
  if (name === undefined || name === '') return undefined;
  return NUMBERED_PORT.test(name) ? { by: 'port', portPath: name } : { by: 'serial', serial: name };
}

/** What a USB device is chosen by. */
interface Placed {
  readonly serial?: string | undefined;
  /** Undefined where the system does not tell it. */
  readonly portPath?: string | undefined;
}

/** The one at this place; `urlOf` names those that could be meant. Throws `probe-not-found` or `probe-ambiguous`. */
export function oneAt<T extends Placed>(
  place: UsbPlace,
  url: string,
  listed: readonly T[],
  urlOf: (candidate: T) => string,
): T {
  const meant = listed.filter((one) => isAt(place, one));
  const [found] = meant;
  if (!found) throw new FlashlineError('probe-not-found', { params: { url } });
  if (meant.length === 1) return found;
  throw new FlashlineError('probe-ambiguous', { params: { url, candidates: meant.map(urlOf).join(', ') } });
}

export function isAt(place: UsbPlace, { serial, portPath }: Placed): boolean {
  return place.by === 'port' ? portPath === place.portPath : serial === place.serial;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
