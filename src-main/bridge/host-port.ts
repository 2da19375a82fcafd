import type { ToClient } from '#shared/contract/wire.ts';

/** What a transport gives the host for one client: Electron IPC, WebSocket, or a pair of functions in a test. */
export interface HostPort {
  send(message: ToClient): void;
  /** Bytes taken by `send` that have not left yet; 0 where the transport cannot tell. */
  backlog(): number;
  /** Messages as they came; nothing is known about them. */
  onMessage(listener: (message: unknown) => void): void;
  /** Called once, whoever closed. */
  onClose(listener: () => void): void;
  close(reason: string): void;
}
