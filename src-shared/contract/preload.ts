/**
 * The one thing that the Electron shell's preload script puts into the page, as `window.flashline`: a pipe for
 * the bridge's messages. Where it is absent the page runs in the browser shell and uses a WebSocket.
 */
export const PRELOAD_GLOBAL = 'flashline';

/** The one IPC channel, both ways. */
export const BRIDGE_CHANNEL = 'flashline:bridge';

export interface PreloadPort {
  /** `message` is a `ToHost`; the host checks it and refuses what is not one. */
  send(message: unknown): void;
  /** The listener is handed `ToClient` messages as plain data; the returned function takes it off again. */
  onMessage(listener: (message: unknown) => void): () => void;
}

/**
 * What crosses the channel. `document` names one load of the page, so that a reloaded page gets a connection of its own and
 * an answer meant for the page before it cannot be taken for an answer to a call of the new one.
 */
export interface Envelope {
  readonly document: string;
  readonly message: unknown;
}
