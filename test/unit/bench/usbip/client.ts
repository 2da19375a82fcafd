/** The other end of USB/IP, as the tests need it: requests as bytes, replies cut out of a stream. */

const URB_HEADER = 48;

export interface SubmitRequest {
  readonly seqnum: number;
  readonly endpoint: number;
  readonly direction: 'in' | 'out';
  /** Of what may come in; what goes out has its own. */
  readonly length?: number;
  readonly setup?: readonly number[];
  readonly data?: Uint8Array;
}

export function submitRequest({ seqnum, endpoint, direction, length, setup, data }: SubmitRequest): Buffer {
  const header = Buffer.alloc(URB_HEADER);
  header.writeUInt32BE(1, 0);
  header.writeUInt32BE(seqnum, 4);
  header.writeUInt32BE(direction === 'in' ? 1 : 0, 12);
  header.writeUInt32BE(endpoint, 16);
  header.writeUInt32BE(data?.length ?? length ?? 0, 24);
  header.writeUInt32BE(0xffffffff, 32);
  header.set(setup ?? [], 40);
  return Buffer.concat([header, data ?? Buffer.alloc(0)]);
}

export function unlinkRequest(seqnum: number, victim: number): Buffer {
  const bytes = Buffer.alloc(URB_HEADER);
  bytes.writeUInt32BE(2, 0);
  bytes.writeUInt32BE(seqnum, 4);
  bytes.writeUInt32BE(victim, 20);
  return bytes;
}

export function importRequest(busid: string): Buffer {
  const bytes = Buffer.alloc(40);
  bytes.writeUInt32BE(0x01118003, 0);
  bytes.write(busid, 8);
  return bytes;
}

export const DEVLIST_REQUEST = Buffer.from('0111800500000000', 'hex');
