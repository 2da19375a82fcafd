import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from './link.ts';
import { openSocket } from './socket.ts';

/** Where a byte stream goes. `path` of a serial port is best a by-path name: a place, not an enumeration order. */
export type StreamAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'serial'; readonly path: string; readonly baudRate?: number };

export const GDB_ADDRESS_FORMS = 'gdb:tcp:<host>:<port>, gdb:unix:<path> or gdb:serial:<port path>';

/** `gdb:...` to where its bytes go. Throws `probe-address`, which names the forms there are. */
export function parseGdbAddress(url: string): StreamAddress {
  const address = url.startsWith('gdb:') ? parseStreamAddress(url.slice('gdb:'.length)) : undefined;
  if (!address) throw new FlashlineError('probe-address', { params: { url, expected: GDB_ADDRESS_FORMS } });
  return address;
}

/** `tcp:<host>:<port>`, `unix:<path>` or `serial:<port path>`; undefined for anything else. */
export function parseStreamAddress(text: string): StreamAddress | undefined {
  const [, kind, rest] = /^(tcp|unix|serial):(.+)$/su.exec(text) ?? [];
  return rest === undefined ? undefined : parseRest(kind, rest);
}

function parseRest(kind: string | undefined, rest: string): StreamAddress | undefined {
  if (kind === 'unix' || kind === 'serial') return { kind, path: rest };
  // An IPv6 host stands in brackets, as in any URL.
  const [, v6, name, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/u.exec(rest) ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= 65_535)) return undefined;
  return { kind: 'tcp', host, port };
}

/** Opens the stream; rejects with `probe-not-found`, `probe-permission` or `probe-silent`. */
export async function openStream(address: StreamAddress, url: string, io: IoContext): Promise<Link> {
  if (address.kind === 'tcp') return openSocket({ host: address.host, port: address.port }, url, io);
  if (address.kind === 'unix') return openSocket({ path: address.path }, url, io);
  // Loaded on demand: the native binding is of no use to a station without serial probes.
  const { openSerial } = await import('./serial.ts');
  return openSerial(address, url, io);
}
