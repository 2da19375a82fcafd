/** The name under which the Electron shell's preload script puts a `PreloadBridge` into the page; absent in a browser. */
export const PRELOAD_GLOBAL = 'flashlineBridge';

/** The one IPC channel, both ways. */
export const BRIDGE_CHANNEL = 'flashline:bridge';

/** All that the page gets from the desktop shell: a pipe for the bridge's messages. */
export interface PreloadBridge {
  /**
   * Opens a connection; the one before it, of this page or of the page that this one replaced, is closed. `onMessage` is
   * handed `ToClient` messages, unchecked; `onClose` is called when the host closes the connection.
   */
  connect(onMessage: (message: unknown) => void, onClose: () => void): void;
  /** `message` is a `ToHost`; the host checks it. Refused by the host before `connect`. */
  send(message: unknown): void;
}

/**
 * What crosses the channel. `connection` names one connection of one load of the page, so that an answer to the page before
 * a reload cannot be taken for an answer to a call of the new one.
 */
export type PageEnvelope =
  | { readonly connection: string; readonly type: 'open' }
  | { readonly connection: string; readonly type: 'message'; readonly message: unknown };

export type HostEnvelope =
  | { readonly connection: string; readonly type: 'closed' }
  | { readonly connection: string; readonly type: 'message'; readonly message: unknown };
