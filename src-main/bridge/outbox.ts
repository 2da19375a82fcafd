import type { ToClient } from '#shared/contract/wire.ts';
import type { HostPort } from './host-port.ts';

/** Bytes waiting in the transport beyond which a client counts as behind, and is sent only what it needs. */
const BEHIND = 256 * 1024;

/** Beyond this the client is cut off; it connects again and asks for the state whole. */
const HOPELESS = 8 * 1024 * 1024;

/** Events of one kind are sent at most once a frame; the newest always arrives. */
const FRAME_MS = 16;

/** Messages on their way to one client, bounded whatever the client does. */
export class Outbox {
  readonly #port: HostPort;
  /** The newest unsent event under each key. */
  readonly #latest = new Map<string, ToClient>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(port: HostPort) {
    this.#port = port;
  }

  send(message: ToClient): void {
    if (this.#closed) return;
    if (this.#port.backlog() > HOPELESS) {
      this.#port.close('the screen does not keep up');
      return;
    }
    this.#port.send(message);
  }

  sendIfRoom(message: ToClient): void {
    if (this.#port.backlog() <= BEHIND) this.send(message);
  }

  /** At once when nothing was sent for a frame; else with the next frame, unless a newer one replaces it. */
  sendLatest(message: ToClient, key: string): void {
    if (this.#closed) return;
    this.#latest.set(key, message);
    if (this.#timer === undefined) this.#flush();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#latest.clear();
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#closed || this.#latest.size === 0) return;
    if (this.#port.backlog() <= BEHIND) {
      for (const message of this.#latest.values()) this.send(message);
      this.#latest.clear();
    }
    this.#timer = setTimeout(() => this.#flush(), FRAME_MS);
  }
}
