import { concat, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Progress } from '../memory-access.ts';
import type { ServerFlash } from '../server-flash.ts';
import type { GdbConnection } from './connection.ts';
import { binaryLength } from './memory.ts';
import { type FlashRegion, readFlashRegions } from './memory-map.ts';
import { ascii } from './text.ts';

/** `$vFlashWrite:xxxxxxxx:` and `#cc`. */
const WRITE_HEADER = 26;

/** The server's flash by `vFlashErase`, `vFlashWrite` and `vFlashDone` (GDB manual, E.2); undefined where it offers none. */
export async function openServerFlash(connection: GdbConnection, io: IoContext): Promise<ServerFlash | undefined> {
  if (!connection.stub.flash || !connection.features.includes('qXfer:memory-map:read+')) return undefined;
  const regions = await readFlashRegions((request) => connection.ask(request, io), connection.packetSize);
  return regions.length === 0 ? undefined : new GdbServerFlash(connection, regions);
}

class GdbServerFlash implements ServerFlash {
  readonly #connection: GdbConnection;
  readonly #regions: readonly FlashRegion[];

  constructor(connection: GdbConnection, regions: readonly FlashRegion[]) {
    this.#connection = connection;
    this.#regions = regions;
  }

  erases(address: number, size: number): boolean {
    const within = this.#regions.filter(
      ({ start, size: length }) => start < address + size && address < start + length,
    );
    const whole = within.every(
      ({ start, blockSize }) => (address - start) % blockSize === 0 && (address + size - start) % blockSize === 0,
    );
    const covered = within.reduce(
      (sum, { start, size: length }) => sum + Math.min(address + size, start + length) - Math.max(address, start),
      0,
    );
    return whole && covered === size;
  }

  async erase(address: number, size: number, timeoutMs: number, io: IoContext): Promise<void> {
    const request = `vFlashErase:${address.toString(16)},${size.toString(16)}`;
    this.#expectOk(await this.#connection.askSlowly(ascii(request), timeoutMs, io), address, 'vFlashErase');
  }

  /** A server may keep what is written until `vFlashDone`, so that alone says that it was written. */
  async write(
    address: number,
    bytes: Uint8Array,
    timeoutMs: number,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    const room = this.#connection.packetSize - WRITE_HEADER;
    for (let at = 0; at < bytes.length;) {
      const end = at + binaryLength(bytes, at, room);
      const request = concat([ascii(`vFlashWrite:${(address + at).toString(16)}:`), bytes.subarray(at, end)]);
      this.#expectOk(await this.#connection.askSlowly(request, timeoutMs, io), address + at, 'vFlashWrite');
      at = end;
      progress?.(at);
    }
    this.#expectOk(await this.#connection.askSlowly(ascii('vFlashDone'), timeoutMs, io), address, 'vFlashDone');
  }

  #expectOk(reply: string, address: number, request: string): void {
    if (reply === 'OK') return;
    // `E.memtype`: it holds the address for no flash; a number: its flash driver failed.
    if (!reply.startsWith('E')) throw this.#connection.unexpected(request, reply);
    const cause = `the gdb server answers ${reply} to ${request}`;
    throw new FlashlineError('flash-refused', { where: { address }, params: { address: hexAddress(address) }, cause });
  }
}
