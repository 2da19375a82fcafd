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

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
