import { fromHex, readU32, toHex, writeU32 } from '#shared/base/bytes.ts';
import type { Board } from '../board.ts';
import { CORE_REGISTERS, TARGET_XML } from './documents.ts';
import { unescape } from './framing.ts';
import { GdbCore } from './core.ts';
import { GdbMemory } from './memory.ts';

/** Body of the longest packet, in bytes (announced in hexadecimal). */
const PACKET_SIZE = 0x4000;
const ERROR = 'E01';
/** SIGTRAP, and SIGINT for a core that was stopped by request. */
const HALTED = 'S05';
const INTERRUPTED = 'S02';

export interface GdbReply {
  /** Bodies in order; the last one ends the command. */
  readonly bodies: readonly string[];
  readonly end?: 'disconnect';
  readonly noAck?: true;
  /** The core runs: the reply comes when it stops. */
  readonly running?: true;
}

/**
 * What a gdb may ask of a board. Unknown packets get the empty reply, nonsense in known ones an error; nothing throws.
 * While the core runs, somebody calls `advance` until it gives the reply, or `interrupt`.
 */
export class GdbSession {
  readonly #board: Board;
  readonly #memory: GdbMemory;
  readonly #core: GdbCore;
  #running = false;

  constructor(board: Board) {
    this.#board = board;
    this.#memory = new GdbMemory(board);
    this.#core = new GdbCore(board, this.#memory);
  }

  get running(): boolean {
    return this.#running;
  }

  /** Lets a running core live a little; its stop reply once it has halted. */
  advance(): string | undefined {
    if (!this.#running || !this.#core.advance()) return undefined;
    this.#running = false;
    return HALTED;
  }

  /** Ctrl-C: the stop reply, or undefined when the core was halted already. */
  interrupt(): string | undefined {
    if (!this.#running) return undefined;
    this.#core.halt();
    this.#running = false;
    return INTERRUPTED;
  }

  handle(body: Uint8Array): GdbReply {
    const text = String.fromCharCode(...body.subarray(0, 256));
    if (text.startsWith('X')) return reply(this.#writeBinary(body));
    if (text.startsWith('vFlashWrite:')) return reply(this.#flashWrite(body));
    return this.#text(String.fromCharCode(...body));
  }

  #text(packet: string): GdbReply {
    switch (packet.charAt(0)) {
      case '?':
        return reply(HALTED);
      case 'g':
        return reply(this.#readAll());
      case 'G':
        return reply(this.#writeAll(packet.slice(1)));
      case 'p':
        return reply(this.#readOne(packet.slice(1)));
      case 'P':
        return reply(this.#writeOne(packet.slice(1)));
      case 'm':
        return reply(this.#readMemory(packet.slice(1)));
      case 'M':
        return reply(this.#writeMemory(packet.slice(1)));
      case 's':
        return this.#run(packet, 'step');
      case 'c':
        return this.#run(packet, 'resume');
      case 'Z':
      case 'z':
        return reply(this.#breakpoint(packet));
      case 'H':
      case 'T':
        return reply('OK');
      case 'D':
        this.#core.release();
        return { bodies: ['OK'], end: 'disconnect' };
      case 'k':
        return { bodies: [], end: 'disconnect' };
      case 'v':
        return this.#verbose(packet);
      case 'q':
      case 'Q':
        return this.#query(packet);
      default:
        return reply('');
    }
  }

  /** `s [addr]`, `c [addr]` */
  #run(packet: string, how: 'step' | 'resume'): GdbReply {
    const address = packet.length > 1 ? hex(packet.slice(1)) : undefined;
    if (Number.isNaN(address)) return reply(ERROR);
    this.#core[how](address);
    this.#running = true;
    return { bodies: [], running: true };
  }

  /** `Z0,addr,kind` and `Z1,addr,kind`: whichever is asked for, what suits the place; no watchpoints. */
  #breakpoint(packet: string): string {
    const match = /^([Zz])([0-4]),([0-9a-f]+),/i.exec(packet);
    if (!match) return ERROR;
    if (match[2] !== '0' && match[2] !== '1') return '';
    const address = hex(match[3]);
    if (match[1] === 'z') this.#core.clearBreakpoint(address);
    else if (!this.#core.setBreakpoint(address)) return ERROR;
    return 'OK';
  }

  #verbose(packet: string): GdbReply {
    const erase = /^vFlashErase:([0-9a-f]+),([0-9a-f]+)$/i.exec(packet);
    if (erase) return reply(this.#memory.erase(hex(erase[1]), hex(erase[2])) ? 'OK' : ERROR);
    if (packet === 'vFlashDone') return reply('OK');
    if (packet.startsWith('vKill')) return { bodies: ['OK'], end: 'disconnect' };
    return reply('');
  }

  #query(packet: string): GdbReply {
    if (packet.startsWith('qSupported')) {
      const map = this.#board.kind.gdbMemoryMap === undefined ? [] : ['qXfer:memory-map:read+'];
      const features = [...map, 'qXfer:features:read+', 'QStartNoAckMode+'];
      return reply([`PacketSize=${PACKET_SIZE.toString(16)}`, ...features].join(';'));
    }
    if (packet === 'QStartNoAckMode') return { bodies: ['OK'], noAck: true };
    if (packet === 'qAttached') return reply('1');
    if (packet === 'qC') return reply('QC1');
    if (packet === 'qfThreadInfo') return reply('m1');
    if (packet === 'qsThreadInfo') return reply('l');
    if (packet.startsWith('qRcmd,')) return this.#monitor(packet.slice(6));
    const transfer = /^qXfer:(memory-map|features):read:([^:]*):([0-9a-f]+),([0-9a-f]+)$/i.exec(packet);
    if (!transfer) return reply('');
    const document = transfer[1] === 'memory-map' ? this.#board.kind.gdbMemoryMap : TARGET_XML;
    if (document === undefined) return reply('');
    if (transfer[1] === 'features' && transfer[2] !== 'target.xml') return reply('E00');
    return reply(part(document, hex(transfer[3]), Math.min(hex(transfer[4]), PACKET_SIZE - 4)));
  }

  #monitor(encoded: string): GdbReply {
    const bytes = bytesOf(encoded);
    const command = bytes === undefined ? '' : String.fromCharCode(...bytes).trim();
    switch (command) {
      case 'halt':
        this.#core.halt();
        return say('halted\n', 'OK');
      case 'reset':
      case 'reset run':
        this.#core.reset('run');
        return say('reset\n', 'OK');
      case 'reset halt':
      case 'reset init':
        this.#core.reset('halt');
        return say('reset and halted\n', 'OK');
      default:
        return say('commands: halt, reset [run|halt|init]\n', 'OK');
    }
  }

  #readAll(): string {
    const bytes = new Uint8Array(CORE_REGISTERS * 4);
    for (let i = 0; i < CORE_REGISTERS; i++) writeU32(bytes, i * 4, this.#board.chip.readRegister(i));
    return toHex(bytes);
  }

  #writeAll(values: string): string {
    const bytes = bytesOf(values);
    if (!bytes || bytes.length !== CORE_REGISTERS * 4) return ERROR;
    for (let i = 0; i < CORE_REGISTERS; i++) this.#board.chip.writeRegister(i, readU32(bytes, i * 4));
    return 'OK';
  }

  #readOne(number: string): string {
    const index = hex(number);
    if (!(index < CORE_REGISTERS)) return ERROR;
    const bytes = new Uint8Array(4);
    writeU32(bytes, 0, this.#board.chip.readRegister(index));
    return toHex(bytes);
  }

  #writeOne(assignment: string): string {
    const [number, value] = assignment.split('=');
    const bytes = bytesOf(value ?? '');
    const index = hex(number);
    if (!bytes || bytes.length !== 4 || !(index < CORE_REGISTERS)) return ERROR;
    this.#board.chip.writeRegister(index, readU32(bytes, 0));
    return 'OK';
  }

  #readMemory(range: string): string {
    const match = /^([0-9a-f]+),([0-9a-f]+)$/i.exec(range);
    if (!match) return ERROR;
    const bytes = this.#memory.read(hex(match[1]), Math.min(hex(match[2]), PACKET_SIZE / 2 - 4));
    return bytes ? toHex(bytes) : ERROR;
  }

  #writeMemory(text: string): string {
    const match = /^([0-9a-f]+),([0-9a-f]+):([0-9a-f]*)$/i.exec(text);
    const bytes = bytesOf(match?.[3] ?? '');
    if (!match || !bytes || bytes.length !== hex(match[2])) return ERROR;
    return this.#memory.write(hex(match[1]), bytes) ? 'OK' : ERROR;
  }

  /** `X addr,length:binary` */
  #writeBinary(body: Uint8Array): string {
    const { head, data } = splitBinary(body);
    const match = /^X([0-9a-f]+),([0-9a-f]+):$/i.exec(head);
    if (!match || data.length !== hex(match[2])) return ERROR;
    return this.#memory.write(hex(match[1]), data) ? 'OK' : ERROR;
  }

  /** `vFlashWrite:addr:binary` */
  #flashWrite(body: Uint8Array): string {
    const { head, data } = splitBinary(body, 2);
    const match = /^vFlashWrite:([0-9a-f]+):$/i.exec(head);
    return match && this.#memory.program(hex(match[1]), data) ? 'OK' : ERROR;
  }
}

function reply(body: string): GdbReply {
  return { bodies: [body] };
}

/** Console text first (an O packet), then the reply. */
function say(text: string, body: string): GdbReply {
  return { bodies: [`O${toHex(new TextEncoder().encode(text))}`, body] };
}

function part(document: string, offset: number, length: number): string {
  const piece = document.slice(offset, offset + length);
  return `${offset + length < document.length ? 'm' : 'l'}${piece}`;
}

function hex(text: string | undefined): number {
  return Number.parseInt(text ?? '', 16);
}

function bytesOf(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-f]{2})*$/i.test(text) ? fromHex(text) : undefined;
}

/** Text up to and with the `colons`-th colon, and the unescaped bytes behind it. */
function splitBinary(body: Uint8Array, colons = 1): { readonly head: string; readonly data: Uint8Array } {
  const COLON = 0x3a;
  let at = -1;
  for (let i = 0; i < colons; i++) {
    at = body.indexOf(COLON, at + 1);
    if (at < 0) return { head: '', data: new Uint8Array() };
  }
  return {
    head: String.fromCharCode(...body.subarray(0, at + 1).slice(0, 256)),
    data: unescape(body.subarray(at + 1)),
  };
}
