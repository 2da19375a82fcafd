/** SLIP framing (RFC 1055), as Espressif's loaders have it: a delimiter before and after each frame. */
const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

export function slipFrame(payload: Uint8Array): Uint8Array {
  const escaped = payload.reduce((count, byte) => (byte === END || byte === ESC ? count + 1 : count), 0);
  const out = new Uint8Array(payload.length + escaped + 2);
  let at = 0;
  out[at++] = END;
  for (const byte of payload) {
    if (byte === END || byte === ESC) {
      out[at++] = ESC;
      out[at++] = byte === END ? ESC_END : ESC_ESC;
    } else out[at++] = byte;
  }
  out[at] = END;
  return out;
}

/**
 * Finds the frames in what a serial port hands over, in whatever pieces. Between frames anything may come (a boot log, noise): it is
 * passed over. A frame with a wrong escape, or longer than `limit`, is dropped and counted.
 */
export class SlipReader {
  readonly #limit: number;
  #frame: number[] | undefined;
  #escaping = false;
  #spoiled = 0;

  constructor(limit = 0x8000) {
    this.#limit = limit;
  }

  /** Frames dropped so far. */
  get spoiled(): number {
    return this.#spoiled;
  }

  /** The frames that these bytes complete. */
  take(bytes: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const byte of bytes) {
      const frame = this.#byte(byte);
      if (frame) frames.push(frame);
    }
    return frames;
  }

  reset(): void {
    this.#frame = undefined;
    this.#escaping = false;
  }

  #byte(byte: number): Uint8Array | undefined {
    if (this.#frame === undefined) {
      if (byte === END) this.#frame = [];
      return undefined;
    }
    if (byte === END) return this.#end();
    if (this.#escaping) {
      this.#escaping = false;
      if (byte !== ESC_END && byte !== ESC_ESC) return this.#drop();
      this.#frame.push(byte === ESC_END ? END : ESC);
    } else if (byte === ESC) this.#escaping = true;
    else this.#frame.push(byte);
    return this.#frame.length > this.#limit ? this.#drop() : undefined;
  }

  /** Two delimiters in a row: whoever missed a beginning takes the second for it. */
  #end(): Uint8Array | undefined {
    const frame = this.#frame ?? [];
    if (this.#escaping) return this.#drop();
    if (frame.length === 0) return undefined;
    this.#frame = undefined;
    return Uint8Array.from(frame);
  }

  #drop(): undefined {
    this.#spoiled++;
    this.reset();
    return undefined;
  }
}
