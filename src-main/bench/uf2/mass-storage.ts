import { readU32 } from '#shared/base/bytes.ts';
import { SECTOR, SECTORS } from './ghost-fat.ts';

/**
 * USB Mass Storage, Bulk-Only Transport 1.0: a command block wrapper of 31 bytes (5.1), its data, a status wrapper of 13
 * (5.2); in it the SCSI commands that hosts use (SPC-2, SBC-2), as uf2-samdx1's msc.c has them.
 */
const CBW = 31;
const CBW_SIGNATURE = 0x43425355;
const CSW_SIGNATURE = 0x53425355;
const IN = 0x80;

const Scsi = {
  testUnitReady: 0x00,
  requestSense: 0x03,
  inquiry: 0x12,
  modeSense6: 0x1a,
  startStop: 0x1b,
  preventRemoval: 0x1e,
  readFormatCapacities: 0x23,
  readCapacity: 0x25,
  read10: 0x28,
  write10: 0x2a,
  verify10: 0x2f,
  synchronizeCache: 0x35,
  modeSense10: 0x5a,
} as const;

/** Sense keys and additional codes (SPC-2, 7.20). */
const ILLEGAL_REQUEST = 5;
const INVALID_COMMAND = 0x2000;
const OUT_OF_RANGE = 0x2100;

export interface Sectors {
  read(sector: number): Uint8Array;
  write(sector: number, bytes: Uint8Array): void;
}

interface Command {
  readonly tag: number;
  readonly length: number;
  readonly opcode: number;
  readonly sector: number;
}

/** A disk behind a pair of bulk endpoints. */
export class MassStorage {
  readonly #sectors: Sectors;
  readonly #maxPacket: number;
  readonly #out: Uint8Array[] = [];
  #command: Command | undefined;
  #collected = new Uint8Array(0);
  #taken = 0;
  #sense = { key: 0, code: 0 };

  constructor(sectors: Sectors, maxPacket: number) {
    this.#sectors = sectors;
    this.#maxPacket = maxPacket;
  }

  reset(): void {
    this.#out.length = 0;
    this.#command = undefined;
    this.#collected = new Uint8Array(0);
  }

  /** A packet from the host: a command, or data of one. */
  write(packet: Uint8Array): void {
    if (this.#command) this.#data(packet, this.#command);
    else this.#begin(packet);
  }

  /** The next packet for the host. */
  read(): Uint8Array | undefined {
    return this.#out.shift();
  }

  #begin(packet: Uint8Array): void {
    if (packet.length !== CBW || readU32(packet, 0) !== CBW_SIGNATURE) return;
    const block = new DataView(packet.buffer, packet.byteOffset + 15, 16);
    const command = {
      tag: readU32(packet, 4),
      length: readU32(packet, 8),
      opcode: block.getUint8(0),
      sector: block.getUint32(2),
    };
    const isIn = ((packet[12] ?? 0) & IN) !== 0;
    if (command.length > 0 && !isIn) {
      this.#command = command;
      this.#collected = new Uint8Array(0);
      this.#taken = 0;
      return;
    }
    this.#answer(command, block.getUint16(7));
  }

  /** Sector by sector as they come: each is in the flash before the next is taken. */
  #data(packet: Uint8Array, command: Command): void {
    const joined = new Uint8Array(this.#collected.length + packet.length);
    joined.set(this.#collected);
    joined.set(packet, this.#collected.length);
    this.#collected = joined;
    while (this.#collected.length >= SECTOR) {
      const sector = command.sector + this.#taken / SECTOR;
      if (command.opcode === Scsi.write10 && sector < SECTORS)
        this.#sectors.write(sector, this.#collected.slice(0, SECTOR));
      this.#collected = this.#collected.slice(SECTOR);
      this.#taken += SECTOR;
    }
    if (this.#taken + this.#collected.length < command.length) return;
    this.#command = undefined;
    if (command.opcode !== Scsi.write10) this.#refuse(command, INVALID_COMMAND);
    else if (command.sector + command.length / SECTOR > SECTORS) this.#refuse(command, OUT_OF_RANGE);
    else this.#status(command, 0, 0);
  }

  #answer(command: Command, sectors: number): void {
    switch (command.opcode) {
      case Scsi.testUnitReady:
      case Scsi.startStop:
      case Scsi.preventRemoval:
      case Scsi.verify10:
        return this.#send(command, new Uint8Array(0));
      case Scsi.requestSense:
        return this.#send(command, this.#senseData());
      case Scsi.inquiry:
        return this.#send(command, inquiry());
      case Scsi.modeSense6:
        return this.#send(command, Uint8Array.of(3, 0, 0, 0));
      case Scsi.modeSense10:
        return this.#send(command, Uint8Array.of(0, 6, 0, 0, 0, 0, 0, 0));
      case Scsi.readCapacity:
        return this.#send(command, bigEndian(SECTORS - 1, SECTOR));
      case Scsi.readFormatCapacities:
        return this.#send(command, new Uint8Array([0, 0, 0, 8, ...bigEndian(SECTORS, 0x02000000 | SECTOR)]));
      case Scsi.read10:
        return this.#read10(command, sectors);
      default:
        // SYNCHRONIZE CACHE too: nothing is kept back here.
        return this.#refuse(command, INVALID_COMMAND);
    }
  }

  #read10(command: Command, sectors: number): void {
    if (command.sector + sectors > SECTORS) {
      this.#refuse(command, OUT_OF_RANGE);
      return;
    }
    const data = new Uint8Array(sectors * SECTOR);
    for (let index = 0; index < sectors; index++) data.set(this.#sectors.read(command.sector + index), index * SECTOR);
    this.#send(command, data);
  }

  #send(command: Command, data: Uint8Array): void {
    const sent = data.subarray(0, command.length);
    this.#packets(sent);
    // A short packet tells the host that nothing more comes.
    if (sent.length < command.length && sent.length % this.#maxPacket === 0) this.#out.push(new Uint8Array(0));
    this.#sense = { key: 0, code: 0 };
    this.#status(command, command.length - sent.length, 0);
  }

  #refuse(command: Command, code: number): void {
    if (command.length > 0 && command.opcode !== Scsi.write10) this.#out.push(new Uint8Array(0));
    this.#sense = { key: ILLEGAL_REQUEST, code };
    this.#status(command, command.length, 1);
  }

  #status({ tag }: Command, residue: number, status: number): void {
    const wrapper = new Uint8Array(13);
    const view = new DataView(wrapper.buffer);
    [CSW_SIGNATURE, tag, residue].forEach((word, index) => view.setUint32(index * 4, word, true));
    wrapper[12] = status;
    this.#out.push(wrapper);
  }

  #packets(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += this.#maxPacket) this.#out.push(data.slice(at, at + this.#maxPacket));
  }

  /** Fixed format, current error (SPC-2, 7.20.2). */
  #senseData(): Uint8Array {
    const bytes = new Uint8Array(18);
    bytes[0] = 0x70;
    bytes[2] = this.#sense.key;
    bytes[7] = 10;
    bytes.set([this.#sense.code >>> 8, this.#sense.code & 0xff], 12);
    return bytes;
  }
}

/** A removable disk (SPC-2, 7.3.2). */
function inquiry(): Uint8Array {
  const bytes = new Uint8Array(36);
  bytes.set([0, 0x80, 4, 2, 31]);
  bytes.set(new TextEncoder().encode('FlashlinUF2 bench       1.00'), 8);
  return bytes;
}

function bigEndian(...words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setUint32(index * 4, word));
  return bytes;
}
