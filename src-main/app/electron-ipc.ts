import { ipcMain } from 'electron';
import type { BrowserWindow, IpcMainEvent } from 'electron';
import { z } from 'zod';
import { BRIDGE_CHANNEL } from '#shared/contract/preload.ts';
import type { HostEnvelope } from '#shared/contract/preload.ts';
import { ToHost } from '#shared/contract/wire.ts';
import type { HostPort } from '../bridge/host-port.ts';
import { refuseSender } from './electron-sender.ts';

const FromPage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('open'), document: z.uuid() }),
  z.strictObject({ type: z.literal('message'), document: z.uuid(), message: z.unknown() }),
]);

interface Open {
  readonly document: string;
  readonly host: HostPort;
  deliver(message: unknown): void;
}

/**
 * Binds the bridge to our window: one port per load of the page. It closes when another document opens one (a reloaded
 * page does), when the page's process dies, and when the window is gone.
 * Returns the function that takes it all off again.
 */
export function serveBridge(
  window: BrowserWindow,
  attach: (port: HostPort) => void,
  tell: (line: string) => void,
): () => void {
  const contents = window.webContents;
  const post = (envelope: HostEnvelope): void => {
    if (!contents.isDestroyed()) contents.send(BRIDGE_CHANNEL, envelope);
  };
  let open: Open | null = null;

  const close = (reason: string): void => {
    open?.host.close(reason);
    open = null;
  };
  const receive = (event: IpcMainEvent, ...args: unknown[]): void => {
    const refusal = refuseSender(event, contents);
    if (refusal !== null) return tell(`ipc: refused a message: ${refusal}`);
    const parsed = FromPage.safeParse(args.length === 1 ? args[0] : undefined);
    if (!parsed.success) return tell(`ipc: refused a message: ${briefly(parsed.error)}`);
    const envelope = parsed.data;
    if (envelope.type === 'open') {
      close('another page took its place');
      open = openPort(envelope.document, post);
      return attach(open.host);
    }
    if (open?.document !== envelope.document) return tell('ipc: refused a message: its page was replaced');
    const checked = ToHost.safeParse(envelope.message);
    if (!checked.success) tell(`ipc: refused a message: ${briefly(checked.error)}`);
    // The bridge checks again and answers what it refuses, so that no caller waits for ever.
    open.deliver(envelope.message);
  };
  const gone = (): void => close('the page is gone');

  ipcMain.on(BRIDGE_CHANNEL, receive);
  contents.on('render-process-gone', gone);
  contents.once('destroyed', gone);
  return () => {
    ipcMain.off(BRIDGE_CHANNEL, receive);
    if (!contents.isDestroyed()) contents.off('render-process-gone', gone);
    gone();
  };
}

function openPort(document: string, post: (envelope: HostEnvelope) => void): Open {
  const messageListeners: ((message: unknown) => void)[] = [];
  const closeListeners: (() => void)[] = [];
  let closed = false;
  return {
    document,
    deliver(message) {
      if (closed) return;
      for (const listener of messageListeners) listener(message);
    },
    host: {
      send: (message) => {
        if (!closed) post({ document, message });
      },
      // Electron does not tell what waits in its pipe; the page is on the same computer.
      backlog: () => 0,
      onMessage: (listener) => void messageListeners.push(listener),
      onClose: (listener) => void closeListeners.push(listener),
      close() {
        if (closed) return;
        closed = true;
        for (const listener of closeListeners) listener();
      },
    },
  };
}

/** Says what is wrong by path and rule, never by value: the message is a stranger's. */
function briefly(error: z.ZodError): string {
  return error.issues.map(({ path, code }) => `${path.join('.') || 'message'}: ${code}`).join(', ');
}
