/** The name under which the desktop shell's preload script puts a `PreloadPort` into the page; absent in a browser. */
export const PRELOAD_GLOBAL = 'flashline';

/** The one IPC channel, both ways. */
export const BRIDGE_CHANNEL = 'flashline:bridge';

/** All that the page gets from the desktop shell: a pipe for the bridge's messages. */
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
export type PageEnvelope =
  | { readonly document: string; readonly type: 'open' }
  | { readonly document: string; readonly type: 'message'; readonly message: unknown };

export interface HostEnvelope {
  readonly document: string;
  readonly message: unknown;
}
